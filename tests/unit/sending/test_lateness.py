"""How long a lane rests after late intents."""

from __future__ import annotations

from kombo_provider.sending.lateness import LONGEST_WAIT_SECONDS, Lateness


def test_each_wave_of_late_intents_waits_twice_as_long_up_to_the_longest_wait() -> None:
    lateness = Lateness()
    waits = [lateness.next_wait() for _ in range(12)]
    assert waits[:4] == [0.2, 0.4, 0.8, 1.6]
    assert waits[-1] == LONGEST_WAIT_SECONDS
    assert waits == sorted(waits)


def test_after_an_intent_that_was_in_time_the_first_wait_is_short_again() -> None:
    lateness = Lateness()
    first = lateness.next_wait()
    lateness.next_wait()
    lateness.end()
    assert lateness.next_wait() == first
