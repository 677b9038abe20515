"""What the rows on the wire take in memory."""

from __future__ import annotations

from kombo_provider.sending.body_memory import EXPECTED_FILES_BYTES, BodyMemory
from tests.unit.sending.intents import intent

MIB = 1024 * 1024
WITH_FILE = intent("1", attachments=[])


def test_a_row_counts_its_files_as_expected_until_its_body_is_built() -> None:
    memory = BodyMemory(100 * MIB)
    memory.claimed(WITH_FILE)
    assert memory.room() < 100 * MIB - EXPECTED_FILES_BYTES
    memory.built(WITH_FILE, bytes(1 * MIB))
    assert 98 * MIB < memory.room() < 99 * MIB
    memory.release(WITH_FILE)
    assert memory.room() == 100 * MIB


def test_a_body_that_is_built_after_its_row_was_given_up_counts_nothing() -> None:
    memory = BodyMemory(100 * MIB)
    memory.built(WITH_FILE, bytes(MIB))
    assert memory.room() == 100 * MIB


def test_a_text_counts_what_python_takes_for_it() -> None:
    memory = BodyMemory(100 * MIB)
    memory.claimed(intent(text="a" * MIB + "😀"))
    assert memory.room() < 95 * MIB  # four bytes a character, and one as a body


def test_memory_is_plenty_until_half_of_it_is_held() -> None:
    memory = BodyMemory(4 * EXPECTED_FILES_BYTES)
    assert memory.is_plenty()
    for number in range(2):
        memory.claimed(intent(str(number), attachments=[]))
    assert not memory.is_plenty()
