"""Messages: one for each change, or one for many of a kind, as text that can go anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final
from urllib.parse import urlencode

from kombo_provider.ledger.alerts import Alert
from kombo_provider.watch.conditions import Finding
from kombo_provider.watch.facts import Facts
from kombo_provider.watch.words import counted, duration, instant

TOGETHER_ABOVE: Final = 20
"""More conditions of a kind than this at one watch make one message."""
_NAMED: Final = 20
_PAGE: Final = "Page: "


@dataclass(frozen=True, slots=True)
class Message:
    """One message about some alerts: that they are on, or over. The text's first line is the headline."""

    text: str
    is_over: bool
    alerts: Sequence[Alert]

    @property
    def headline(self) -> str:
        """The message in one line."""
        return self.text.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the texts of a watch; `base_url` is Airflow's, "" where it is not known."""

    facts: Facts
    base_url: str

    def text_of(self, finding: Finding, remarks: tuple[str, ...]) -> str:
        """Return the text about one condition: headline, what is known, what to do, the page."""
        said = finding.said
        lines = (said.headline, said.what, *remarks, f"To do: {said.do}", self._page_of(finding))
        return "\n".join(lines)

    def _page_of(self, finding: Finding) -> str:
        """Return the line with the page's link, to the lane where the finding is about one."""
        page = f"{_PAGE}plugin/kombo"
        if self.base_url:
            page = f"{_PAGE}{self.base_url.rstrip('/')}/plugin/kombo"
        integration_id = finding.subject.integration_id
        source = finding.subject.source
        if integration_id and not source:
            # A lane is of no source, and the page shows lanes by source: any that waits on it will do.
            source = self._source_waiting_on(integration_id)
        dag_id = self.facts.dag_of(source)
        if not integration_id or dag_id is None:
            return page
        query = urlencode({"dag": dag_id, "source": source, "lane": integration_id})
        return f"{page}?{query}"

    def _source_waiting_on(self, integration_id: str) -> str:
        for source, lane in self.facts.waiting:
            if lane == integration_id:
                return source
        return ""


def of_raised(alerts: Sequence[Alert]) -> Iterator[Message]:
    """Yield the messages that conditions are on."""
    for kind in _kinds(alerts):
        if len(kind) > TOGETHER_ABOVE:
            yield Message(_many_are_on(kind), False, kind)
            continue
        for alert in kind:
            yield Message(alert.text, False, [alert])


def of_over(alerts: Sequence[Alert]) -> Iterator[Message]:
    """Yield the messages that conditions are over."""
    for kind in _kinds(alerts):
        if len(kind) > TOGETHER_ABOVE:
            yield Message(_many_are_over(kind), True, kind)
            continue
        for alert in kind:
            yield Message(_is_over(alert), True, [alert])


def _kinds(alerts: Sequence[Alert]) -> Iterator[list[Alert]]:
    """Sort by kind; those that failed before come last, so that they hold up no other."""

    def kind(alert: Alert) -> tuple[bool, str]:
        return alert.failed_at is not None, alert.subject.condition

    # groupby() finds neighbours only, so they are sorted by the same key first.
    for _, same in groupby(sorted(alerts, key=kind), key=kind):
        yield list(same)


def _is_over(alert: Alert) -> str:
    headline, *_, page = alert.text.split("\n")
    return "\n".join(
        (f"Over: {headline}", f"Told since {instant(alert.raised_at)}, over after {_lasted(alert)}.", page)
    )


def _lasted(alert: Alert) -> str:
    # The clock of the ledger may have been set back since: nothing lasts less than no time.
    ended = max(alert.resolved_at or alert.raised_at, alert.raised_at)
    return duration(ended - alert.raised_at)


def _many_are_on(alerts: Sequence[Alert]) -> str:
    """Return one text about many conditions of a kind that are on."""
    to_do = "To do: look at the page, where those that stand come first."
    return "\n".join((*_headlines(alerts), to_do, _page_of_all(alerts)))


def _many_are_over(alerts: Sequence[Alert]) -> str:
    """Return one text about many conditions of a kind that are over."""
    first, *others = _headlines(alerts)
    return "\n".join((f"Over: {first}", *others, _page_of_all(alerts)))


def _headlines(alerts: Sequence[Alert]) -> list[str]:
    """Return how many they are, and the headlines of the first ones."""
    named = [alert.text.partition("\n")[0] for alert in alerts[:_NAMED]]
    lines = [f"{counted(len(alerts), 'condition')} of one kind, such as: {named[0]}", *named]
    if len(alerts) > _NAMED:
        lines.append(f"and {len(alerts) - _NAMED:,} more")
    return lines


def _page_of_all(alerts: Sequence[Alert]) -> str:
    """Return the line with the page's link, without what leads to the lane of the first."""
    return alerts[0].text.split("\n")[-1].partition("?")[0]
