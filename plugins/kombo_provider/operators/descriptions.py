"""What Airflow shows of a DAG of ours, as Markdown; `source` is the DAG file's."""

from __future__ import annotations

from typing import Final

PUSH_DOC = """
### Applicants of `{source}` into Kombo

`stage` reads the new rows of the source into the ledger, `deliver` sends them, one task for each integration,
`write_back` puts Kombo's ids into the source's table, `report` says what happened and fails if rows of this run failed,
are in doubt or wait for a customer who is blocked. Where the run's time is over first, `next` has another one begin.

* **A red `deliver`** names the integration, Kombo's code and its log page; its rows wait, nothing is lost. Correct what
  it names and run the DAG again.
* **Running again is always safe**: no applicant is sent twice, whatever was killed.
* **Rows in doubt** were sent, but no answer proved what became of them; they are never sent again by themselves.
* Trigger with params to narrow a run to integrations, applicants or a number of rows.
"""

RESOLVE_DOC = """
### Looks up what is in doubt

Rows of `{source}` whose request was sent but never answered are looked for among Kombo's candidates and applications,
by e-mail address and job. What is found is delivered, with its ids. Not finding a row proves nothing: it stays in
doubt, and `kombo_ask_in_doubt` asks a person.
"""

ASK_DOC = """
### Asks a person about rows in doubt

Rows of `{source}` that no look-up settled are listed under **Required actions**, one question for each integration.
Look the applications up in the ATS, then answer; the ledger keeps who answered and when. Rows that are held because a
run would have sent surprisingly many are asked about as well. A question that nobody answers is put again some hours
later.
"""

WHAT_TO_DO: Final = {
    "ready": "It waits, maybe because its run's time (run_for) was over: the next run of the DAG sends it, unless its "
    "integration is blocked or narrowed away.",
    "sending": "A request is on the wire, or its process died: then the next run puts it in doubt.",
    "delivered": "Nothing: Kombo has it, and it is never sent again.",
    "invalid": "Correct the row, or the SELECT: it is staged again when it changes.",
    "rejected": "Correct what the code names: the row is staged again when it changes. After three failures at the "
    "ATS, or where the correction was made in the ATS, trigger with replay and the code.",
    "in_doubt": "Do not send it by hand: a kombo_resolve_dag of its source looks it up, a kombo_ask_dag asks a person.",
    "cancelled": "If it was withdrawn: select it as no longer withdrawn to have it sent. What a person decided stays.",
}
"""What a person does about a delivery, by the status in which it stands (names of `ledger.Status`)."""

SYNC_DOC = """
### What became of the applications

For each integration, what changed in Kombo since the last run is pulled into the ledger's tables `kombo_applications`,
`kombo_candidates` and `kombo_jobs`, and once a week everything: the view `kombo_funnel` counts them. Ids that an answer
left out are completed, and rows in doubt that show up are settled.

* **An integration that cannot be read** is passed over and named in the log; the others go on, and the next run pulls
  what it missed.
* **Running again is always safe**: what was pulled twice is stored once.
* Trigger with `full` to read everything anew.
"""

WATCH_DOC = """
### Tells what does not go out, and when it does again

Every ten minutes the ledger is read for lanes that are blocked or paused long, rows that wait too long, old doubts,
refusals, unusual volume, empty sources, and DAGs that do not run or died. Each condition makes one message when it
begins and one when it is over, through the DAG file's `notifiers`; the task's log has them too.

* **A red `watch`** means that the ledger cannot be read, or that a notifier failed: the next run tells what is missing.
* **A snoozed lane** is told nothing of until its snooze ends.
"""
