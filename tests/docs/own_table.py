"""What the README's table holds in tests, and the rights that docs/ledger.md gives."""

from __future__ import annotations

from tests.conftest import ROOT
from tests.docs.markdown import blocks, section
from tests.postgres import PostgresServer

ROLES = ("kombo_airflow", "mart_reader")
RIGHTS = [block.text for block in blocks(section(ROOT / "docs" / "ledger.md", "## Rights"))]
PEOPLE = """
INSERT INTO crm.people VALUES
    (4711, 'greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js', 1203, ' Zoë ', 'Müller-Łukasz', 'zoe@example.com', '+49 30 901820',
     'Köln', 'de', '2027-02-01', 61500.50, '{https://zoe.example.com,https://code.example.org/zoe}',
     '2026-07-01 09:30:00'),
    (4712, 'workday:HWUTwvyx2wLoSUHphiWVrp28', 77, '山田', '太郎', 'taro@example.org', NULL, NULL, NULL, NULL, NULL,
     NULL, '2026-01-15 23:15:00.25'),
    (4713, 'workday:HWUTwvyx2wLoSUHphiWVrp28', 77, 'No', 'Mail', 'nobody', NULL, NULL, NULL, NULL, NULL, NULL,
     '2026-07-02'),
    (4714, 'workday:HWUTwvyx2wLoSUHphiWVrp28', NULL, 'No', 'Vacancy', 'v@example.org', NULL, NULL, NULL, NULL, NULL,
     '{}', '2026-07-03')
"""


def drop_roles(server: PostgresServer, database: str) -> None:
    """Remove the documents' roles: they belong to the server, not to a test's database."""
    for role in ROLES:
        server.execute(
            f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN DROP OWNED BY {role} CASCADE; "
            f"DROP ROLE {role}; END IF; END $$",
            database=database,
        )
