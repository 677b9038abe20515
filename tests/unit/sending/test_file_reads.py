"""Files that never open cost their own row and a thread, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from kombo_provider.sending.file_reads import HANGING_AT_MOST, FileReads
from kombo_provider.sending.request import UnreadableFileError
from tests.waiting import PATIENCE_SECONDS, wait_until


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What hanging reads wait for; set when the test ends."""
    event = threading.Event()
    yield event
    event.set()


def test_a_file_that_never_opens_is_given_up_at_its_deadline(released: threading.Event) -> None:
    def hanging(_: str) -> bytes:
        released.wait()
        return b""

    reads = FileReads(hanging, within_seconds=0.05)
    with pytest.raises(UnreadableFileError, match=r"could not be read within 0.05 s"):
        reads.for_row()("s3://b/cv")


def test_the_files_of_a_row_share_one_deadline(released: threading.Event) -> None:
    now = [0.0]

    def slow(url: str) -> bytes:
        if url == "third":
            released.wait()
        now[0] += 15.0
        return b"%PDF"

    read = FileReads(slow, within_seconds=30.0, clock=lambda: now[0]).for_row()
    assert [read("first"), read("second")] == [b"%PDF", b"%PDF"]
    with pytest.raises(UnreadableFileError):
        read("third")


def test_while_the_storage_is_away_no_more_than_a_few_threads_hang(released: threading.Event) -> None:
    begun = []

    def hanging(url: str) -> bytes:
        begun.append(url)
        released.wait()
        return b"%PDF"

    reads = FileReads(hanging, within_seconds=0.01)
    for number in range(2 * HANGING_AT_MOST):
        with pytest.raises(UnreadableFileError):
            reads.for_row()(str(number))
    wait_until(lambda: len(begun) == HANGING_AT_MOST)


def test_when_the_storage_is_back_files_are_read_again() -> None:
    released = threading.Event()

    def hanging(_: str) -> bytes:
        released.wait()
        return b"%PDF"

    reads = FileReads(hanging, within_seconds=0.02)
    for _ in range(HANGING_AT_MOST):
        with pytest.raises(UnreadableFileError):
            reads.for_row()("cv")
    released.set()
    for thread in threading.enumerate():
        if thread.name == "kombo-file":
            thread.join(PATIENCE_SECONDS)
    assert reads_again(reads) == b"%PDF"


def reads_again(reads: FileReads) -> bytes:
    """Read, again where this machine was too slow for the short deadline."""
    found = []

    def read() -> bool:
        with suppress(UnreadableFileError):
            found.append(reads.for_row()("cv"))
        return bool(found)

    wait_until(read)
    return found[0]


def test_what_the_reader_raises_reaches_the_one_who_asked() -> None:
    def refusing(_: str) -> bytes:
        raise UnreadableFileError("the file lies below none of the pipeline's attachment_roots")

    with pytest.raises(UnreadableFileError, match="below none"):
        FileReads(refusing, within_seconds=PATIENCE_SECONDS).for_row()("cv")


_PROCESS = """
import threading
from kombo_provider.sending.file_reads import FileReads
from kombo_provider.sending.request import UnreadableFileError
try:
    FileReads(lambda _: threading.Event().wait() or b"", within_seconds=0.05).for_row()("cv")
except UnreadableFileError:
    print("given up")
"""


def test_a_read_that_hangs_does_not_keep_the_process_alive() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _PROCESS], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
    )
    assert ended.stdout == "given up\n"
