// The first view: each pipeline's state, and all its lanes.
import { Box, Button, h, Heading, HStack, Text, useState, VStack } from "./host.js";
import { Bars, Legend } from "./bars.js";
import { LookUp } from "./look_up.js";
import { Age, Card, Empty, Fact, InsideLink, Loading, MaybeLinked, OutsideLink, Problem, runPage, State } from "./parts.js";
import { get, ofDag, post, useLoaded } from "./server.js";
import { DataTable } from "./table.js";
import { age, count, hours, stateWords, statusWords, when } from "./words.js";

const sum = (lanes, name) => lanes.reduce((all, lane) => all + lane[name], 0);
const oldest = (lanes, name) => lanes.map((lane) => lane[name]).filter(Boolean).sort()[0];

async function loadFleets() {
  const pipelines = await get("pipelines");
  return Promise.all(
    pipelines.map(async (pipeline) => {
      try {
        return { pipeline, ...(await get(ofDag(pipeline, "fleet"), { source: pipeline.source })) };
      } catch (error) {
        return { pipeline, problem: error.message };
      }
    }),
  );
}

export const laneAddress = (pipeline, lane) =>
  `?${new URLSearchParams({ dag: pipeline.dag_id, source: pipeline.source, lane })}`;

function Unreached({ fleet }) {
  const { report, pipeline } = fleet;
  return h(
    Problem,
    { title: fleet.problem },
    report && [
      h(Text, { key: "words" }, `The last report said: ${statusWords(report.by_status) || "nothing was to be done"}. `),
      h(InsideLink, { key: "run", to: runPage(pipeline.dag_id, report.run_id) }, "That run"),
    ],
  );
}

export const Stops = ({ stops }) =>
  (stops ?? []).map((stop) =>
    h(
      Problem,
      {
        key: `${stop.everywhere}`,
        status: "warning",
        title: `${stop.everywhere ? "All lanes" : "All lanes of this connection"}: ${stop.state} for ${age(stop.since)}`,
      },
      stop.code === "drain" ? "`airflow kombo resume` lets requests leave again. " : `${stop.code ?? ""} `,
      h(OutsideLink, { url: stop.log_url }, "Kombo's log page"),
    ),
  );

const WATCH = {
  missing: ["No watch: nobody is told when something stops", "kombo_watch_dag makes one for this ledger and connection."],
  paused: ["The watch is paused: nobody is told when something stops", "Unpause its DAG."],
  late: ["The watch is late: nobody is told when something stops", "Its DAG fails, or does not run, since"],
};

/** One line for each thing that is wrong with a watch, however many pipelines it is wrong for. */
function Watches({ fleets }) {
  const unwatched = fleets.filter(({ airflow }) => WATCH[airflow?.watch?.state]);
  const same = Map.groupBy(unwatched, ({ airflow }) => `${airflow.watch.state} ${airflow.watch.since ?? ""}`);
  return [...same].map(([key, these]) => {
    const { state, since } = these[0].airflow.watch;
    const [title, what] = WATCH[state];
    const whose = these.length < fleets.length ? ` This concerns ${these.map(({ pipeline }) => pipeline.source).join(", ")}.` : "";
    return h(Problem, { key, title }, `${what}${since ? ` ${when(since)}.` : ""}${whose}`);
  });
}

/** One line about DAGs whose lanes the page cannot know. */
function Unread() {
  const { data: names } = useLoaded(() => get("unread"), []);
  if (!names?.length) return null;
  const title = `${count(names.length)} ${names.length === 1 ? "DAG" : "DAGs"} that the API server cannot read`;
  const what = `If they send to Kombo, that is not shown: ${names.join(", ")}. Its log says why; a plugin may be missing.`;
  return h(Problem, { title, status: "warning" }, what);
}

function Days({ pipeline }) {
  const load = () => get(ofDag(pipeline, "days"), { source: pipeline.source });
  const { data } = useLoaded(load, [pipeline.dag_id, pipeline.source]);
  return data?.days.length > 0 && h(Box, null, h(Bars, { days: data.days }), h(Legend));
}

function Pipeline({ fleet }) {
  const { pipeline, airflow, lanes } = fleet;
  const last = airflow?.last_run;
  const standing = lanes?.filter((lane) => lane.state !== "open" && !lane.snoozed);
  return h(
    Card,
    { label: `Pipeline ${pipeline.source}` },
    h(
      HStack,
      { justify: "space-between", align: "start", wrap: "wrap", marginBottom: "2" },
      h(
        Box,
        null,
        h(Heading, { size: "md", as: "h2" }, pipeline.source),
        h(InsideLink, { to: `/dags/${encodeURIComponent(pipeline.dag_id)}` }, pipeline.dag_id),
        airflow?.paused && h(Text, { as: "span", color: "fg.warning" }, " · paused: nothing leaves"),
        last && h(Text, { as: "span" }, " · last run "),
        last && h(InsideLink, { to: runPage(pipeline.dag_id, last.run_id) }, last.state),
        last && h(Text, { as: "span", color: "fg.muted" }, ` ${age(last.began_at)} ago`),
      ),
      lanes && h(Days, { pipeline }),
    ),
    fleet.problem && h(Unreached, { fleet }),
    h(Stops, { stops: fleet.stops }),
    lanes &&
      h(
        HStack,
        { gap: "6", wrap: "wrap" },
        h(Fact, { name: "Waiting" }, count(sum(lanes, "waiting"))),
        h(Fact, { name: "Oldest waits for" }, age(oldest(lanes, "oldest_waiting")) || "–"),
        h(Fact, { name: "Held" }, count(sum(lanes, "held"))),
        h(Fact, { name: "In doubt" }, count(sum(lanes, "in_doubt"))),
        h(Fact, { name: "Lanes not open" }, `${count(standing.length)} of ${count(lanes.length)}`),
      ),
  );
}

const MOST_CARDS = 4;

/** Tell whether nothing of a pipeline needs a look. */
function isQuiet({ problem, stops, lanes, airflow }) {
  const stands = lanes?.some((lane) => lane.state !== "open" && !lane.snoozed);
  const asks = lanes?.some((lane) => lane.in_doubt > 0 || lane.held > 0);
  return !problem && !stops?.length && !stands && !asks && !airflow.paused && airflow.last_run?.state !== "failed";
}

/** The pipelines' cards; of many only those that need a look, so that the lanes stay in sight. */
function Pipelines({ fleets }) {
  const [all, setAll] = useState(false);
  const quiet = fleets.length > MOST_CARDS && !all ? fleets.filter(isQuiet) : [];
  const shown = fleets.filter((fleet) => !quiet.includes(fleet));
  return [
    ...shown.map((fleet) => h(Pipeline, { key: fleet.pipeline.dag_id + fleet.pipeline.source, fleet })),
    quiet.length > 0 &&
      h(
        Button,
        { key: "quiet", size: "sm", variant: "outline", onClick: () => setAll(true) },
        `Show ${count(quiet.length)} more pipelines, with nothing wrong`,
      ),
  ];
}

const CHOICES = [
  ["all", "All lanes", () => true],
  ["standing", "Not open", (row) => row.lane.state !== "open"],
  ["waiting", "With rows waiting", (row) => row.lane.waiting > 0],
  ["doubts", "With doubts", (row) => row.lane.in_doubt > 0],
  ["snoozed", "Snoozed", (row) => row.lane.snoozed],
];
const STATES = ["blocked", "stopped", "paused", "open"];
const urgency = ({ lane }) => (lane.snoozed ? 3.5 : STATES.indexOf(lane.state));

const columns = (days, several) =>
  [
    {
      name: "lane",
      title: "Integration",
      value: (row) => row.lane.integration_id,
      cell: (row) => h(InsideLink, { to: laneAddress(row.pipeline, row.lane.integration_id) }, row.lane.integration_id),
    },
    several && { name: "source", title: "Source", value: (row) => row.pipeline.source, cell: (row) => row.pipeline.source },
    { name: "state", title: "State", value: urgency, cell: (row) => h(State, row) },
    {
      name: "code",
      title: "Code",
      value: (row) => row.lane.code,
      cell: ({ lane }) => h(MaybeLinked, { url: lane.log_url }, lane.code ?? (lane.log_url && "log")),
    },
    { name: "since", title: "For", value: (row) => row.lane.since, cell: (row) => row.lane.state !== "open" && h(Age, { of: row.lane.since }) },
    { name: "waiting", title: "Waiting", number: true, value: (row) => row.lane.waiting, cell: (row) => count(row.lane.waiting) },
    { name: "oldest", title: "Oldest", value: (row) => row.lane.oldest_waiting, cell: (row) => h(Age, { of: row.lane.oldest_waiting }) },
    { name: "hours", title: "Time left", number: true, value: (row) => row.lane.hours_left, cell: (row) => hours(row.lane.hours_left) },
    { name: "doubts", title: "In doubt", number: true, value: (row) => row.lane.in_doubt, cell: (row) => count(row.lane.in_doubt) },
    { name: "days", title: "Last 30 days", cell: (row) => h(Bars, { days: days.get(idOf(row)), width: 90, height: 20 }) },
  ].filter(Boolean);

const idOf = ({ pipeline, lane }) => [pipeline.dag_id, pipeline.source, lane.integration_id].join(" ");

function Lanes({ fleets }) {
  const [days, setDays] = useState(new Map());
  const rows = fleets.flatMap(({ pipeline, lanes }) => (lanes ?? []).map((lane) => ({ pipeline, lane })));
  const loadDays = async (shown) => {
    for (const { pipeline } of fleets) {
      const mine = shown.filter((row) => row.pipeline === pipeline).map((row) => row.lane.integration_id);
      if (!mine.length) continue;
      const found = await post(ofDag(pipeline, "days"), { source: pipeline.source }, { integration_ids: mine }).catch(() => []);
      const lanes = Map.groupBy(found, (day) => idOf({ pipeline, lane: day }));
      setDays((former) => new Map([...former, ...lanes]));
    }
  };
  if (!rows.length) return h(Empty, null, "No row of these sources is in a ledger yet: the first run stages them.");
  return h(DataTable, {
    label: "Lanes",
    columns: columns(days, fleets.filter(({ lanes }) => lanes?.length).length > 1),
    rows,
    idOf,
    textOf: ({ pipeline, lane }) => [lane.integration_id, lane.code, stateWords(lane), pipeline.source].join(" "),
    choices: CHOICES,
    firstSort: { by: "state", down: false },
    onShown: loadDays,
  });
}

export function Fleet({ onRow }) {
  const { data: fleets, error } = useLoaded(loadFleets, []);
  if (!fleets) return error ? h(Problem, { title: error }) : h(Loading);
  if (!fleets.length) {
    const nothing = "No DAG that sends to Kombo is known to Airflow, or you may see none of them.";
    return h(VStack, { align: "start", gap: "4" }, h(Unread), h(Empty, null, nothing));
  }
  return h(
    VStack,
    { align: "start", gap: "4" },
    error && h(Problem, { title: error, status: "warning" }, "What is shown is older."),
    h(LookUp, { pipelines: fleets.map((fleet) => fleet.pipeline), onRow }),
    h(Watches, { fleets }),
    h(Unread),
    h(Pipelines, { fleets }),
    h(Lanes, { fleets }),
  );
}
