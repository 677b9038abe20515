// One lane: how it stands, what to press, why rows are refused, its runs.
import { Button, h, Heading, HStack, Table, Text, useState, VStack } from "./host.js";
import { Actions } from "./actions.js";
import { Bars } from "./bars.js";
import { Questions } from "./questions.js";
import { Stops } from "./fleet.js";
import { Age, Card, Doing, Empty, Fact, InsideLink, Loading, OutsideLink, Problem, runPage, State } from "./parts.js";
import { get, ofDag, post, useLoaded } from "./server.js";
import { age, count, hours, statusWords, when, whatToDo } from "./words.js";

const head = (titles) =>
  h(Table.Header, null, h(Table.Row, null, titles.map((title, key) => h(Table.ColumnHeader, { key }, title))));

const reasonOf = (one) => one.code ?? (one.http_status ? `HTTP ${one.http_status}` : "failed our own checks");
const replayWord = (one) => (one.status === "invalid" ? "invalid" : reasonOf(one));

function Standing({ lane }) {
  return h(
    VStack,
    { align: "start", gap: "1" },
    h(
      HStack,
      { wrap: "wrap" },
      h(State, { lane }),
      lane.state !== "open" && h(Text, null, "for ", h(Age, { of: lane.since })),
      lane.code && h(Text, { fontFamily: "mono", fontSize: "sm" }, lane.code),
      h(OutsideLink, { url: lane.log_url }, "Kombo's log page"),
    ),
    lane.snoozed_until &&
      h(Text, null, `Snoozed by ${lane.snoozed_by} until ${when(lane.snoozed_until)}: ${lane.snooze_reason ?? ""}`),
    h(Text, { color: "fg.muted" }, whatToDo(lane)),
  );
}

const Facts = ({ lane }) =>
  h(
    HStack,
    { gap: "6", wrap: "wrap" },
    h(Fact, { name: "Waiting" }, count(lane.waiting)),
    h(Fact, { name: "Oldest waits for" }, age(lane.oldest_waiting)),
    h(Fact, { name: "Time left" }, hours(lane.hours_left) || "–"),
    h(Fact, { name: "Held" }, count(lane.held)),
    h(Fact, { name: "On the wire" }, count(lane.on_the_wire)),
    h(Fact, { name: "In doubt" }, count(lane.in_doubt)),
    h(Fact, { name: "Sent by" }, lane.lease_holder ?? "nobody now"),
  );

function RowsOf({ pipeline, lane, asked, onRow }) {
  const [more, setMore] = useState({ rows: [], after: undefined });
  const ask = (after) =>
    post(ofDag(pipeline, "rows"), { source: pipeline.source }, { integration_id: lane, ...asked, ...(after && { after }) });
  const { data, error } = useLoaded(() => ask(), [pipeline.dag_id, lane, JSON.stringify(asked)]);
  if (!data) return error ? h(Problem, { title: error }) : h(Loading);
  const rows = [...data.rows, ...more.rows];
  const after = more.after === undefined ? data.after : more.after;
  const next = async () => {
    const found = await ask(after);
    setMore({ rows: [...more.rows, ...found.rows], after: found.after });
  };
  if (!rows.length) return h(Empty, null, "No row stands so any more.");
  const hasProblems = rows.some((row) => row.problems?.length);
  const line = (row) =>
    h(
      Table.Row,
      { key: row.applicant_id },
      h(
        Table.Cell,
        null,
        h(
          Button,
          {
            variant: "plain",
            size: "sm",
            height: "auto",
            color: "fg.info",
            paddingX: "0",
            onClick: () => onRow({ pipeline, applicantId: row.applicant_id, integrationId: lane }),
          },
          row.applicant_id,
        ),
      ),
      hasProblems && h(Table.Cell, null, (row.problems ?? []).map((one) => `${one.field} ${one.problem}`).join("; ")),
      h(Table.Cell, null, when(row.finished_at ?? row.sent_at ?? row.staged_at)),
      h(Table.Cell, null, h(OutsideLink, { url: row.log_url }, "log")),
    );
  return h(
    VStack,
    { align: "start" },
    h(
      Table.Root,
      { size: "sm", "aria-label": "Rows" },
      head(["Applicant id", hasProblems && "Problems", "Since", ""].filter((title) => title !== false)),
      h(Table.Body, null, rows.map(line)),
    ),
    after && h(Doing, { action: next }, "More"),
  );
}

function Refusals({ codes, show, replay }) {
  if (!codes.length) return h(Empty, null, "No row of this lane is refused.");
  const line = (one) =>
    h(
      Table.Row,
      { key: `${one.status} ${one.code} ${one.http_status}` },
      h(Table.Cell, { fontFamily: "mono" }, reasonOf(one)),
      h(Table.Cell, null, one.status),
      h(Table.Cell, null, count(one.rows)),
      h(Table.Cell, null, h(Age, { of: one.latest })),
      h(Table.Cell, null, h(OutsideLink, { url: one.log_url }, "Kombo's log")),
      h(
        Table.Cell,
        null,
        h(
          HStack,
          null,
          h(Button, { size: "xs", variant: "outline", onClick: () => show(one) }, "Show rows"),
          replay && h(Doing, { size: "xs", action: () => replay(replayWord(one)) }, "Replay"),
        ),
      ),
    );
  return h(
    Table.Root,
    { size: "sm", "aria-label": "Refused rows" },
    head(["Code", "Status", "Rows", "Latest, ago", "", ""]),
    h(Table.Body, null, codes.map(line)),
  );
}

function Runs({ runs }) {
  if (!runs.length) return h(Empty, null, "No run has reported on this lane yet.");
  const line = (run) =>
    h(
      Table.Row,
      { key: `${run.dag_id} ${run.run_id}` },
      h(Table.Cell, null, h(InsideLink, { to: runPage(run.dag_id, run.run_id) }, when(run.began_at) || run.run_id)),
      h(Table.Cell, null, statusWords(run.statuses) || "nothing to do"),
      h(Table.Cell, null, run.p50_ms === null ? "" : `${count(run.p50_ms)} / ${count(run.p95_ms)} ms`),
      h(Table.Cell, null, count(run.answers_429)),
      h(Table.Cell, null, run.peak_in_flight),
      h(Table.Cell, null, h(InsideLink, { to: `${runPage(run.dag_id, run.run_id)}/tasks/report` }, "task log")),
    );
  return h(
    Table.Root,
    { size: "sm", "aria-label": "Runs" },
    head(["Run", "Rows", "p50 / p95", "429s", "Peak in flight", ""]),
    h(Table.Body, null, runs.map(line)),
  );
}

const done = (event) =>
  [when(event.at), event.actor_name ?? event.actor, event.action, event.code, event.until && `until ${when(event.until)}`, event.reason]
    .filter(Boolean)
    .join(" · ");

const section = (title, ...children) =>
  h(Card, { label: title, key: title }, h(Heading, { size: "sm", as: "h3", marginBottom: "2" }, title), ...children);

const STANDINGS = [
  ["waiting", "Waiting rows", "waiting"],
  ["held", "Held rows", "held"],
  ["in_doubt", "Rows in doubt", "in_doubt"],
  ["on_the_wire", "Rows on the wire", "sending"],
];
const titleOf = (asked) => STANDINGS.find(([, , what]) => what === asked.what)?.[1] ?? `Refused rows: ${reasonOf(asked)}`;

export function Lane({ pipeline, lane, onRow }) {
  const [asked, setAsked] = useState(null);
  const query = { source: pipeline.source, integration_id: lane };
  const load = () => get(ofDag(pipeline, "lane"), query);
  const { data, error, reload } = useLoaded(load, [pipeline.dag_id, pipeline.source, lane]);
  const back = h(InsideLink, { to: "?" }, "← All lanes");
  if (!data) return h(VStack, { align: "stretch" }, back, error ? h(Problem, { title: error }) : h(Loading));
  const act = async (what, more) => {
    await post(ofDag(pipeline, what), { source: pipeline.source }, { integration_id: lane, ...more });
    await reload();
  };
  const show = (one) => setAsked({ what: one.status, code: one.code, http_status: one.http_status });
  const listable = STANDINGS.filter(([name]) => data.lane[name] > 0);
  return h(
    VStack,
    { align: "stretch", gap: "4" },
    back,
    h(Heading, { size: "lg", as: "h2" }, lane),
    error && h(Problem, { title: error, status: "warning" }, "What is shown is older."),
    h(Stops, { stops: data.stops }),
    h(Card, { label: "State" }, h(HStack, { justify: "space-between", align: "start", wrap: "wrap" }, h(Standing, data), h(Bars, { days: data.days, width: 300, height: 48 }))),
    h(Facts, data),
    (data.lane.in_doubt > 0 || data.lane.held > 0) && h(Questions, { pipeline, lane, onAnswer: reload }),
    data.may_act && h(Actions, { lane: data.lane, act }),
    h(
      HStack,
      null,
      listable.map(([name, title, what]) =>
        h(Button, { key: name, size: "xs", variant: "outline", onClick: () => setAsked({ what }) }, title),
      ),
      data.lane.in_doubt > 0 && h(InsideLink, { to: "/required_actions?response_received=false" }, "All open questions"),
    ),
    asked && section(titleOf(asked), h(RowsOf, { key: JSON.stringify(asked), pipeline, lane, asked, onRow })),
    section(
      "Refused",
      h(Refusals, { codes: data.codes, show, replay: data.may_replay && ((code) => act("replay", { code })) }),
    ),
    section("Runs", h(Runs, { runs: data.runs })),
    data.actions.length > 0 &&
      section("What persons did", ...data.actions.map((event) => h(Text, { key: event.event_id }, done(event)))),
  );
}
