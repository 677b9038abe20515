"""A search for values that nothing may show: in text, in files and in databases, whatever they are wrapped in."""

from __future__ import annotations

import base64
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

Place = tuple[str, bytes]
"""Where something was found, and all that stands there."""


def forms(secret: str) -> set[bytes]:
    """Return a text as it may lie somewhere: as it is, lower case, escaped for JSON, Python or a URL, hex, base64."""
    found: set[bytes] = set()
    for text in {secret, secret.lower(), secret.upper()}:
        raw = text.encode()
        escaped = json.dumps(text)[1:-1]
        found |= {raw, escaped.encode(), quote(text, safe="").encode(), repr(raw)[2:-1].encode(), raw.hex().encode()}
        found |= _as_base64(raw) | _as_base64(escaped.encode())
    return found


def _as_base64(raw: bytes) -> set[bytes]:
    """What base64 makes of it in the middle of something longer: it depends on where in three bytes it begins."""
    found = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw)
        inner = encoded[(before * 8 + 5) // 6 : -4]
        found |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def sightings(secrets: Iterable[str], places: Iterable[Place]) -> list[tuple[str, str, bytes]]:
    """Return each secret that stands somewhere, with its place and what stands around it."""
    wanted = [(secret, form) for secret in secrets for form in sorted(forms(secret))]
    found = []
    for place, contents in places:
        text = contents + b"\n" + contents.lower()
        found += [(secret, place, _around(text, form)) for secret, form in wanted if form in text]
    return found


def _around(text: bytes, form: bytes) -> bytes:
    at = text.index(form)
    return text[max(0, at - 200) : at + 100]


def tables(database: Path) -> Iterator[Place]:
    """Yield every table of a SQLite file with all it holds; what is packed is unpacked as well."""
    with closing(sqlite3.connect(database)) as connection:
        connection.text_factory = bytes
        names = [name.decode() for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            cells = (cell for row in connection.execute(f'SELECT * FROM "{name}"') for cell in row)
            yield f"table {name}", b"\n".join(layer for cell in cells for layer in _unpacked(cell))


def _unpacked(cell: object) -> Iterator[bytes]:
    """The cell, and what it is made of if it is compressed or base64 as a whole; pickled text is there as it is."""
    raw = cell if isinstance(cell, bytes) else str(cell).encode()
    yield raw
    for unpack in (zlib.decompress, _decoded):
        try:
            yield from _unpacked(unpack(raw))
        except (zlib.error, ValueError):
            continue


def _decoded(raw: bytes) -> bytes:
    if len(raw) < 8:
        raise ValueError
    return base64.b64decode(raw.strip(b'"'), validate=True)


def files(folder: Path) -> Iterator[Place]:
    """Yield every file below a folder, databases as the bytes they are."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield str(file.relative_to(folder)), file.read_bytes()


def texts(named: Mapping[str, str]) -> Iterator[Place]:
    """Yield texts by their names."""
    for name, text in named.items():
        yield name, text.encode(errors="surrogatepass")
