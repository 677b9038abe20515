"""Who is to blame for pages instead of Kombo's answers: the row, or what stands between here and Kombo."""

from __future__ import annotations

from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.ledger import DeliveryKey, Status
from kombo_provider.ledger.claims import Intent


class Way:
    """What a lane's requests met on their way; Kombo's API gives no other hint (API reference, section 11)."""

    def __init__(self, rows_that_blame_the_way: int) -> None:
        self._rows_that_blame_the_way = rows_that_blame_the_way
        self._passed = 0
        self._passed_before: dict[DeliveryKey, int] = {}
        self._refused: set[DeliveryKey] = set()

    def blames_row(self, intent: Intent, outcome: Outcome) -> bool:
        """Tell whether a page is the row's own fault: it met one before, and others passed since."""
        if outcome.outcome_class is not OutcomeClass.WAY_OR_ROW or not intent.refused_on_the_way:
            return False
        return self._passed > self._passed_before.get(intent.key, 0)

    def take_in(self, intent: Intent, outcome: Outcome, status: Status) -> bool:
        """Take in what came back for a row; tell whether the way is closed.

        That is where nothing but pages came back, for several rows or for the only one there is.
        """
        if outcome.outcome_class is not OutcomeClass.WAY_OR_ROW:
            if outcome.http_status is not None and outcome.outcome_class is not OutcomeClass.AMBIGUOUS:
                self._passed += 1
                self._refused.clear()
            return False
        if status is Status.REJECTED:
            return False
        met_it_again = intent.key in self._refused
        self._refused.add(intent.key)
        self._passed_before[intent.key] = self._passed
        return met_it_again or len(self._refused) >= self._rows_that_blame_the_way
