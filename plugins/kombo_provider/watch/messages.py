"""Messages: one for each change, or one for many of a kind, as text that can go anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
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
        name, source = finding.subject.integration_id, finding.subject.source
        if name and not source:
            source = next((one for one, lane in self.facts.waiting if lane == name), "")
        dag_id = self.facts.dag_of(source) if source else None
        query = {"dag": dag_id, "source": source, "lane": name} if dag_id and name else {}
        address = f"{self.base_url.rstrip('/')}/plugin/kombo" if self.base_url else "plugin/kombo"
        return f"{_PAGE}{address}?{urlencode(query)}" if query else f"{_PAGE}{address}"


def of_raised(alerts: Sequence[Alert]) -> Iterator[Message]:
    """Yield the messages that conditions are on."""
    for kind in _kinds(alerts):
        if len(kind) > TOGETHER_ABOVE:
            yield Message(_together(kind, ""), False, kind)
        else:
            yield from (Message(alert.text, False, [alert]) for alert in kind)


def of_over(alerts: Sequence[Alert]) -> Iterator[Message]:
    """Yield the messages that conditions are over."""
    for kind in _kinds(alerts):
        if len(kind) > TOGETHER_ABOVE:
            yield Message(_together(kind, "Over: "), True, kind)
        else:
            yield from (Message(_over(alert), True, [alert]) for alert in kind)


def _kinds(alerts: Sequence[Alert]) -> Iterator[list[Alert]]:
    """Sort by kind; those that failed before come last, so that they hold up no other."""

    def kind(alert: Alert) -> tuple[bool, str]:
        return alert.failed_at is not None, alert.subject.condition

    for _, same in groupby(sorted(alerts, key=kind), key=kind):
        yield list(same)


def _over(alert: Alert) -> str:
    headline, *_, page = alert.text.split("\n")
    ended = alert.resolved_at or alert.raised_at
    lasted = _lasted(alert.raised_at, ended)
    return "\n".join((f"Over: {headline}", f"Told since {instant(alert.raised_at)}, over after {lasted}.", page))


def _lasted(began: datetime, ended: datetime) -> str:
    return duration(max(ended, began) - began)


def _together(alerts: Sequence[Alert], over: str) -> str:
    """Return one text about many conditions of a kind."""
    headlines = [alert.text.partition("\n")[0] for alert in alerts]
    more = len(alerts) - _NAMED
    first = f"{over}{counted(len(alerts), 'condition')} of one kind, such as: {headlines[0]}"
    page = alerts[0].text.split("\n")[-1].partition("?")[0]
    rest = [f"and {more:,} more"] if more > 0 else []
    to_do = [] if over else ["To do: look at the page, where those that stand come first."]
    return "\n".join((first, *headlines[:_NAMED], *rest, *to_do, page))
