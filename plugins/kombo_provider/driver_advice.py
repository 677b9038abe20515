"""What to do about database errors of which that is known."""

from __future__ import annotations

import re
from typing import Final

_BY_STATE: Final = {
    "28": "Correct login and password of the connection",
    "3D": "Correct the database of the connection (Airflow's form calls it Schema or Database)",
    "42501": "Give the connection's login the right that is missing",
    "53100": "Its disk is full: make room there; what was committed is safe",
    "53300": "All its connections are taken: see who holds them, or raise max_connections",
    "55P03": "Another transaction holds a lock, perhaps a person's that was left open: end it",
    "57014": "It was cancelled, by a person or a time limit such as statement_timeout",
    "22": "A value of some row does not fit a cast, a division or a function in the SELECT: guard that "
    "expression, with CASE or NULLIF",
}
_BY_TEXT: Final = (
    ("database or disk is full", _BY_STATE["53100"]),
    ("resolve host|translate host|server host|Name or service|nodename", "Correct the host of the connection"),
    (r"authentication failed|no password|role \S+ does not exist|Access denied|Login failed", _BY_STATE["28"]),
    (r"database \S+ does not exist|Unknown database|Cannot open database", _BY_STATE["3D"]),
    (r"no pg_hba\.conf entry", "Its server lets this machine in nowhere: see its pg_hba.conf"),
    (
        "refused|timed out|timeout expired|No route|server closed the connection|gone away",
        "See that its server runs, and that host and port of the connection are right",
    ),
    ("database is locked", "Another process is writing to the file for long: see which, and end it"),
    ("malformed JSON", "A value of some row is no JSON: guard it with CASE WHEN json_valid(…)"),
    ("readonly database", "Let Airflow's user write to the file and its folder"),
    ("unable to open database file", "Correct the path in the connection's host; its folder must exist"),
    ("file is not a database", "Correct the path in the connection's host: that file is no SQLite database"),
)


def advice(sqlstate: str | None, text: str) -> str:
    """Return a sentence that says what to do, or nothing where only the one who asked knows."""
    if sqlstate is not None:
        found = _BY_STATE.get(sqlstate) or _BY_STATE.get(sqlstate[:2])
    else:
        found = _by_text(text)  # libpq, SQLite and MySQL's drivers give no SQLSTATE
    if found is None:
        return ""
    return f"{found}. "


def _by_text(text: str) -> str | None:
    for pattern, words in _BY_TEXT:
        if re.search(pattern, text):
            return words
    return None
