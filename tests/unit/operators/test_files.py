"""A row can make a worker read files below attachment_roots, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kombo_provider.operators.files import file_reader
from kombo_provider.sending.attachment_limits import LARGEST_FILES_BYTES
from kombo_provider.sending.request import UnreadableFileError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (tmp_path / "roots").mkdir()
    folder = tmp_path / "roots" / "cv"
    folder.mkdir()
    (folder / "a #1%20?.pdf").write_bytes(b"%PDF")
    (folder / "empty.pdf").touch()
    (folder / "link.pdf").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "inside.pdf").symlink_to(folder / "a #1%20?.pdf")
    (tmp_path / "roots" / "cv-other").mkdir()
    (tmp_path / "roots" / "cv-other" / "b.pdf").write_bytes(b"other")
    os.mkfifo(folder / "pipe.pdf")
    return folder


@pytest.mark.parametrize("name", ["a #1%20?.pdf", "inside.pdf", "./a #1%20?.pdf", "../cv/a #1%20?.pdf"])
def test_a_file_below_a_root_is_read_by_path_or_url(root: Path, name: str) -> None:
    for written in (f"{root}/{name}", f"file://{root}/{name}"):
        for folder in (f"{root}", f"{root}/", f"file://{root}"):
            assert file_reader([folder])(written) == b"%PDF"


@pytest.mark.parametrize(
    "name", ["link.pdf", "up/secret.txt", "../../secret.txt", "../cv-other/b.pdf", "up/roots/cv-other/b.pdf"]
)
def test_a_link_or_a_path_that_leads_outside_the_root_is_refused(root: Path, name: str) -> None:
    for written in (f"{root}/{name}", f"file://{root}/{name}", f"local://{root}/{name}"):
        with pytest.raises(UnreadableFileError, match="below none of"):
            file_reader([str(root)])(written)


def test_a_root_that_is_a_link_itself_serves_its_files(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    assert file_reader([str(tmp_path / "alias")])(f"{tmp_path}/alias/inside.pdf") == b"%PDF"


@pytest.mark.parametrize(
    ("name", "why"),
    [("empty.pdf", "is empty"), ("pipe.pdf", "no regular file"), ("up", "below none"), ("gone.pdf", "cannot be read")],
)
def test_what_is_no_file_with_something_in_it_says_so(root: Path, name: str, why: str) -> None:
    with pytest.raises(UnreadableFileError, match=why):
        file_reader([str(root)])(f"{root}/{name}")


@pytest.mark.parametrize(
    "url", ["s3://bucket/cv/../x.pdf", "s3://bucket/cv2/x.pdf", "s3://other/cv/x.pdf", "/etc/passwd"]
)
def test_an_object_outside_the_root_is_refused_before_anything_is_opened(url: str) -> None:
    with pytest.raises(UnreadableFileError, match="below none of"):
        file_reader(["s3://bucket/cv"])(url)


def test_a_url_that_chains_a_second_place_is_refused() -> None:
    with pytest.raises(UnreadableFileError, match="below none of"):
        file_reader(["memory://cv"])("memory://cv/x::file:///etc/passwd")


def test_a_huge_file_is_read_no_further_than_its_size_is_allowed(root: Path) -> None:
    with (root / "huge.pdf").open("wb") as file:
        file.truncate(50 * LARGEST_FILES_BYTES)
    assert len(file_reader([str(root)])(f"{root}/huge.pdf")) == LARGEST_FILES_BYTES + 1
