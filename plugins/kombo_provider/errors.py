"""Every error this package raises on purpose, grouped by what to do next.

KomboError
├── ConfigurationError          fix the connection, the DAG's arguments or the deployment
│   └── UnsupportedLedgerError  name a PostgreSQL in `ledger_conn_id`
├── SourceError                 fix the SELECT, the source table or the transform
│   └── SourceUnavailableError  bring the warehouse back: a later try may succeed
├── WriteBackError              fix the target table
│   └── TargetUnavailableError  bring the target's database back, or end who holds a lock on it
├── ConfirmationRequiredError   look at the numbers, then confirm them
├── LedgerError                 the ledger's database cannot be used: bring it back, run again
│   └── LedgerRefusedError      correct the connection or its rights: a later try meets the same
├── ApiError                    Kombo answered with an error, or not at all
│   ├── AccountError            fix the API key or its allow-list: all integrations are affected
│   ├── IntegrationError        fix one integration in Kombo: the others go on
│   ├── CursorError             a paged read does not move forward: report it to Kombo
│   ├── AnswerTooLargeError     an answer is larger than is read at once: ask for smaller pages
│   └── UnreadableAnswerError   an answer of Kombo's is no JSON: ask for smaller pages, report it to Kombo
├── UnexpectedDataError         data that nobody thought of: report it; the other integrations go on
├── LaneBlockedError            Kombo refuses some integrations: fix what the message names, run again
├── LanePausedError             sending stopped for now: a later try looks whether it works again
│   └── TurnOverError           likewise, and the run's time is over: the next run looks
├── NotDeliveredError           one applicant is invalid or refused: correct what the message names
├── InDoubtError                a request may have been executed: it is looked up, or a person decides
├── ReplyError                  what a person answered cannot be carried out: the question is put again
├── NotifierError               a notifier failed: correct it, the next watch tells what it missed
└── IncompleteRunError          rows of this run are not delivered: the message says how many and why
"""

from __future__ import annotations


class KomboError(Exception):
    """Base of all errors of this package; the message says what failed, where, and what to do."""


class ConfigurationError(KomboError):
    """The connection, the DAG's arguments or the deployment cannot work as they are."""


class UnsupportedLedgerError(ConfigurationError):
    """The ledger may live in PostgreSQL or in a local SQLite file, and nowhere else."""


class SourceError(KomboError):
    """The SELECT, the source table or the transform cannot be read."""


class SourceUnavailableError(SourceError):
    """The warehouse is away, or does not answer now."""


class WriteBackError(KomboError):
    """The table that receives the ids cannot take them."""


class TargetUnavailableError(WriteBackError):
    """The database of that table is away, or somebody holds a lock on the table."""


class ConfirmationRequiredError(KomboError):
    """More rows are about to leave than the pipeline may send unasked."""


class LedgerError(KomboError):
    """The ledger's database refused or could not be reached."""


class LedgerRefusedError(LedgerError):
    """The ledger's database refuses what it is asked, and would refuse it again."""


class ApiError(KomboError):
    """A call to Kombo failed.

    `code`, `http_status`, `log_url` and `integration_id` are what Kombo answered, None where it said nothing.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        http_status: int | None = None,
        log_url: str | None = None,
        integration_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.http_status = http_status
        self.log_url = log_url
        self.integration_id = integration_id


class AccountError(ApiError):
    """The API key or the account is refused: every integration of the connection is affected."""


class IntegrationError(ApiError):
    """Kombo refuses this one integration until someone acts on it."""


class CursorError(ApiError):
    """A paged read answered with a cursor that it had given before."""


class AnswerTooLargeError(ApiError):
    """An answer to a read is larger than what is read at once."""


class UnreadableAnswerError(ApiError):
    """An answer to a read begins as a success of Kombo's and cannot be read to its end."""


class UnexpectedDataError(KomboError):
    """What Kombo answered for one integration made this package stumble; its message holds no word of the answer."""


class LaneBlockedError(KomboError):
    """Kombo refuses one or more integrations until someone acts; their rows stay `ready`."""


class LanePausedError(KomboError):
    """One or more lanes stopped for now; their rows stay `ready` and trying again later makes sense."""


class TurnOverError(LanePausedError):
    """Lanes stopped for now when the time of their run was over, or nearly: only the next run tries them again."""


class NotDeliveredError(KomboError):
    """One applicant did not reach Kombo, and nothing of it is on the way."""


class InDoubtError(KomboError):
    """A request for this applicant may have been executed, so nothing was sent."""


class ReplyError(KomboError):
    """What a person answered cannot be read, or contradicts what the ledger knows; nothing of it was carried out."""


class IncompleteRunError(KomboError):
    """Rows that this run staged or sent did not reach Kombo."""


class NotifierError(KomboError):
    """A notifier did not take what a watch had to tell."""
