"""Whoever changes the mapping has rows mapped anew, and cannot forget to."""

from __future__ import annotations

from pathlib import Path

import pytest

from kombo_provider import mapping
from kombo_provider.staging.mapping_digest import digest_of, mapping_digest


def test_any_change_of_any_module_of_the_mapping_is_noticed(tmp_path: Path) -> None:
    sources = Path(mapping.__path__[0])
    for source in sources.glob("*.py"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    unchanged = digest_of(tmp_path, [])
    assert unchanged == digest_of(sources, [])
    for copy in sorted(tmp_path.glob("*.py")):
        before = copy.read_bytes()
        copy.write_bytes(before + b"# changed\n")
        assert digest_of(tmp_path, []) != unchanged, copy.name
        copy.write_bytes(before)
    (tmp_path / "new_module.py").write_text("")
    assert digest_of(tmp_path, []) != unchanged


def test_another_release_of_a_library_that_the_mapping_leans_on_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("")
    assert digest_of(tmp_path, ["1"]) != digest_of(tmp_path, ["2"])


def test_a_mapping_whose_modules_cannot_be_read_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digest_of(tmp_path, [])


def test_the_digest_is_the_same_each_time() -> None:
    assert mapping_digest() == mapping_digest()
    assert len(mapping_digest()) == 64
