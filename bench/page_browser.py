"""The page *Kombo* over a large ledger, used in a browser as a person would use it.

Real Airflow, real runs that leave a blocked lane, invalid rows and a request in doubt, among many lanes that were
filled in. Prints how long the server and the browser took for each view; fails on an error in the browser's console,
on a view that takes the server a second, on more than four clicks to "why was this applicant not sent", and where the
ledger is not as the clicks should have left it.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Locator, Page, Response, expect, sync_playwright
from sqlalchemy import create_engine

from bench.fleet import Fleet, lane_name
from include.demo.applicants import JOBS
from include.demo.environment import DAG_ID, SOURCE
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger
from tests.ui.conftest import CHROMIUM, CHROMIUM_FLAGS, RunningAirflow, running_airflow, wait_until

BOUND_MS = 1_000.0
MOST_CLICKS = 4
WAIT_SECONDS = 120
RUN_SECONDS = 900.0
*_OTHERS, REFUSED = JOBS
LOST_ON = _OTHERS[0]
LOST = "A-lost"
NOT_THE_PAGE = ("ERR_NETWORK_CHANGED", "Monaco")
"""The machine's network changed, and what Airflow's own editor says of it."""
ASK = "kombo_ask_in_doubt"
WIDTH, HEIGHT = 1280, 800


def use_the_page(lanes: int, rows: int, runs_a_day: int, pictures: Path | None) -> None:
    """Fill a ledger, start Airflow over it, and use the page."""
    fleet = Fleet(lanes, rows, runs_a_day, SOURCE, DAG_ID)
    with tempfile.TemporaryDirectory(prefix="kombo-page-") as folder:
        pictures = pictures or Path(tempfile.mkdtemp(prefix="kombo-pictures-"))
        with running_airflow(Path(folder), prepare=lambda warehouse: _fill(warehouse, fleet)) as airflow:
            _break(airflow)
            with _visit(airflow, "first", pictures) as visit:
                visit.bound_ms = math.inf  # a fresh server imports, and reads Airflow's DAGs
                table = visit.page.get_by_role("table", name="Lanes")
                visit.shown("fleet, fresh server and browser", lambda: visit.page.goto("/plugin/kombo"), table)
            for scheme in ("light", "dark"):
                with _visit(airflow, scheme, pictures) as visit:
                    look(visit, lanes)
            with _visit(airflow, "light", pictures) as visit:
                click(visit, airflow)
    print(f"Pictures: {pictures}")


def _fill(warehouse: Path, fleet: Fleet) -> None:
    ledger = Ledger(create_engine(f"sqlite:///{warehouse}", **ENGINE_OPTIONS))
    ledger.ensure()
    fleet.fill(ledger)
    ledger.close()


def _break(airflow: RunningAirflow) -> None:
    """Leave a lane that Kombo refuses, invalid rows, and a question about a request that was never answered."""
    email = f"{LOST}@example.com".lower()
    airflow.sandbox.config(per_integration={REFUSED: {"status": "INVALID"}}, visibility_of_lost="never")
    airflow.sandbox.faults([{"kind": "write_reset", "count": 1, "match": {"email": email}}])
    now = datetime.now(UTC)
    airflow.execute(
        "INSERT INTO applicants (applicant_id, integration_id, job_id, changed_at, candidate__first_name,"
        " candidate__last_name, candidate__email_address) VALUES (?, ?, ?, ?, 'Lost', 'Answer', ?)",
        (LOST, LOST_ON, "7sWpGf2XkLr9TzQn4VbHyJ6c", now.isoformat(sep=" "), email),
    )
    run = airflow.trigger(DAG_ID, {"window": "all", "integration_ids": list(JOBS)})
    wait_until(
        lambda: airflow.get(f"/dags/{DAG_ID}/dagRuns/{run}")["state"] == "failed", "the run did not fail", RUN_SECONDS
    )
    long_ago = (now - timedelta(hours=1)).replace(tzinfo=None).isoformat(" ", "microseconds")
    just_now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    airflow.execute("UPDATE kombo_deliveries SET sent_at = ? WHERE status = 'in_doubt'", (just_now,))
    was_sought = "UPDATE kombo_deliveries SET sent_at = ?, looked_up_at = ? WHERE applicant_id = ?"
    airflow.execute(was_sought, (long_ago, just_now, LOST))
    airflow.trigger(ASK, {})
    asked = "/dags/~/dagRuns/~/hitlDetails?response_received=false"
    wait_until(lambda: LOST_ON in airflow.call("GET", asked).text, "no question was put", RUN_SECONDS)


@dataclass
class Visit:
    """A person at the page: what was slow, what went wrong, how often they clicked."""

    page: Page
    scheme: str
    pictures: Path
    bound_ms: float = BOUND_MS
    errors: list[str] = field(default_factory=list)
    served: list[float] = field(default_factory=list)
    clicks: int = 0

    def shown(self, view: str, act: Callable[[], object], expected: Locator) -> None:
        """Do something, wait for what it leads to, and print how long that took."""
        self.served.clear()
        began = time.perf_counter()
        act()
        expected.wait_for()
        browser_ms = (time.perf_counter() - began) * 1000
        served_ms = max(self.served, default=0.0)
        print(f"{self.scheme:6} {view:34} server {served_ms:5.0f} ms   browser {browser_ms:5.0f} ms", flush=True)
        if served_ms >= self.bound_ms:
            self.errors.append(f"{view} took the server {served_ms:.0f} ms")

    def click(self, what: Locator) -> None:
        """Click, and count."""
        self.clicks += 1
        what.click()

    def shoot(self, name: str) -> None:
        """Keep a picture of what is shown, bars included."""
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_timeout(500)
        self.pictures.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self.pictures / f"{name}.png", animations="disabled", caret="hide")

    def note(self, answer: Response) -> None:
        """Keep the time that the server says it took."""
        timing = answer.headers.get("server-timing", "")
        if "dur=" in timing:
            self.served.append(float(timing.partition("dur=")[2]))


@contextmanager
def _visit(airflow: RunningAirflow, scheme: str, pictures: Path) -> Iterator[Visit]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US", base_url=airflow.url)
        context.add_init_script(f"localStorage.setItem('theme', '{scheme}')")
        page = context.new_page()
        page.set_default_timeout(WAIT_SECONDS * 1000)
        expect.set_options(timeout=WAIT_SECONDS * 1000)
        visit = Visit(page, scheme, pictures)
        page.on("console", lambda said: visit.errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: visit.errors.append(str(error)))
        page.on("response", visit.note)
        page.goto("/")
        page.get_by_role("button", name="Browse").wait_for()
        yield visit
        assert page.title() not in ("markup", "link"), "a text from outside ran as a script"
        errors = [error for error in visit.errors if not any(words in error for words in NOT_THE_PAGE)]
        assert errors == [], errors
        browser.close()


def look(visit: Visit, lanes: int) -> None:
    """From the home page to the lanes, a lane, its rows, and why an applicant was not sent."""
    page, scheme = visit.page, visit.scheme
    table = page.get_by_role("table", name="Lanes")
    rows = table.locator("tbody tr")
    visit.click(page.get_by_role("button", name="Browse"))
    menu = page.get_by_role("menuitem", name="Kombo")
    visit.shown("fleet", lambda: visit.click(menu), rows.nth(1))
    assert page.evaluate("document.documentElement.className").find(scheme) >= 0
    page.get_by_label(f"Pipeline {SOURCE}").get_by_role("img").wait_for()
    page.get_by_text(f"{lanes + len(JOBS):,} of {lanes + len(JOBS):,}").wait_for()
    visit.shoot(f"page-fleet-{scheme}")
    _why_not_sent(visit, f"A-{19 * lanes + 7}")
    _table(visit, lanes)
    _lane(visit)


def _why_not_sent(visit: Visit, applicant_id: str) -> None:
    page = visit.page
    page.get_by_label("Applicant id").fill(applicant_id)
    press = page.get_by_role("button", name="Look up")
    visit.shown("row", lambda: visit.click(press), page.get_by_text("What to do:"))
    page.get_by_text("is no e-mail address").wait_for()
    assert visit.clicks <= MOST_CLICKS, f"{visit.clicks} clicks"
    print(f"{visit.scheme:6} from home to why it was not sent: {visit.clicks} clicks")
    visit.shoot(f"page-row-{visit.scheme}")
    visit.shown("fleet again", page.get_by_role("button", name="Back").click, page.get_by_label("Filter"))


def _table(visit: Visit, lanes: int) -> None:
    """Sort by each column, filter, page; by keyboard."""
    page = visit.page
    table = page.get_by_role("table", name="Lanes")
    table.locator("tbody tr").nth(1).wait_for()
    for column in ("Integration", "Waiting", "Oldest", "Time left", "In doubt", "Code", "For"):
        head = table.get_by_role("button", name=column, exact=True)
        sorted_by = table.locator("th[aria-sort=ascending], th[aria-sort=descending]").filter(has_text=column)
        head.focus()
        visit.shown(f"sorted by {column}", lambda: page.keyboard.press("Enter"), sorted_by)
    page.get_by_label("Filter").focus()
    found = page.get_by_text(f"10 of {lanes + len(JOBS):,}")
    visit.shown("filtered", lambda: page.keyboard.type("greenhouse:001"), found)
    page.get_by_label("Filter").fill("")
    visit.shown("next page", page.get_by_role("button", name="Next").click, page.get_by_text("Page 2 of"))


def _lane(visit: Visit) -> None:
    page, scheme = visit.page, visit.scheme
    page.get_by_label("Filter").fill(lane_name(0))
    link = page.get_by_role("table", name="Lanes").get_by_role("link", name=lane_name(0))
    refused = page.get_by_role("table", name="Refused rows")
    visit.shown("lane", link.click, refused)
    visit.shoot(f"page-lane-{scheme}")
    rows = page.get_by_role("table", name="Rows", exact=True)
    visit.shown("waiting rows", page.get_by_role("button", name="Waiting rows").click, rows)
    page.get_by_role("region", name="Waiting rows").evaluate("section => section.scrollIntoView()")
    visit.shoot(f"page-waiting-{scheme}")
    visit.shown("more waiting rows", page.get_by_role("button", name="More").click, rows.locator("tbody tr").nth(50))
    visit.shown("refused rows", refused.get_by_role("button", name="Show rows").first.click, rows)


def click(visit: Visit, airflow: RunningAirflow) -> None:
    """Snooze, stop, open, replay and answer; the ledger says what was done, and by whom."""
    page = visit.page
    page.goto(f"/plugin/kombo?dag={DAG_ID}&source={SOURCE}&lane={REFUSED}")
    page.get_by_role("button", name="Snooze").click()
    page.get_by_label("Reason").fill("the customer renews the key on Monday")
    visit.shoot("page-snooze")
    confirm = page.get_by_role("button", name="Snooze this lane")
    visit.shown("snoozed", confirm.click, page.get_by_text("blocked, snoozed"))
    page.get_by_role("button", name="Open").click()
    confirm = page.get_by_role("button", name="Open this lane")
    visit.shown("opened", confirm.click, page.get_by_text("Nothing to do: the next run sends what waits."))
    airflow.sandbox.config(per_integration={REFUSED: {"status": "ACTIVE"}})
    page.get_by_role("button", name="Replay").first.click()
    asked = "SELECT action FROM kombo_lane_events WHERE actor = 'person' AND actor_name IS NOT NULL ORDER BY event_id"
    wait_until(
        lambda: [row[0] for row in airflow.execute(asked)] == ["snooze", "open", "replay"], "not what was clicked"
    )
    waiting = "SELECT count(*) FROM kombo_deliveries WHERE integration_id = ? AND status = 'ready'"
    wait_until(lambda: airflow.execute(waiting, (REFUSED,)) == [(0,)], "the replay's run sent nothing", RUN_SECONDS)
    _answer(visit, airflow)


def _answer(visit: Visit, airflow: RunningAirflow) -> None:
    page = visit.page
    page.goto(f"/plugin/kombo?dag={DAG_ID}&source={SOURCE}&lane={LOST_ON}")
    question = page.get_by_label("Question", exact=True)
    page.get_by_label("Ids in the ATS").fill(f"{LOST} = ats-1")
    visit.shoot("page-question")
    question.get_by_role("button", name="They were sent").click()
    expect(question).to_have_count(0)
    settled = "SELECT status, resolution, kombo_application_remote_id FROM kombo_deliveries WHERE applicant_id = ?"
    as_answered = [("delivered", "human", "ats-1")]
    wait_until(lambda: airflow.execute(settled, (LOST,)) == as_answered, "the answer was not carried out", RUN_SECONDS)
    page.reload()
    page.get_by_role("heading", name=LOST_ON).wait_for()
    visit.shoot("page-answered")
    print("snoozed, opened, replayed and answered by clicking; the ledger is as expected")
