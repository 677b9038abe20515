// "Why was this applicant not sent?": an id goes in, a row with its history comes out. No id gets into a URL.
import { Box, Button, Code, h, Heading, HStack, Input, NativeSelect, Table, Text, useState, VStack } from "./host.js";
import { Card, Empty, Fact, InsideLink, Loading, OutsideLink, Problem, runPage, State } from "./parts.js";
import { ofDag, post, useLoaded } from "./server.js";
import { when } from "./words.js";

export function LookUp({ pipelines, onRow }) {
  const [chosen, setChosen] = useState(0);
  const [id, setId] = useState("");
  const submit = (event) => {
    event.preventDefault();
    if (id.trim()) onRow({ pipeline: pipelines[chosen], applicantId: id.trim(), integrationId: null });
  };
  const options = pipelines.map((one, index) => h("option", { key: index, value: index }, one.source));
  const select = { "aria-label": "Source", value: chosen, onChange: (event) => setChosen(Number(event.target.value)) };
  return h(
    HStack,
    { as: "form", role: "search", onSubmit: submit, wrap: "wrap" },
    pipelines.length > 1 &&
      h(NativeSelect.Root, { size: "sm", width: "56" }, h(NativeSelect.Field, select, options), h(NativeSelect.Indicator)),
    h(Input, {
      "aria-label": "Applicant id",
      placeholder: "Why was this applicant not sent? applicant_id",
      size: "sm",
      width: "96",
      autoComplete: "off",
      value: id,
      onChange: (event) => setId(event.target.value),
    }),
    h(Button, { type: "submit", size: "sm" }, "Look up"),
  );
}

const reasonOf = (row) => row.error_code ?? (row.http_status ? `HTTP ${row.http_status}` : null);

function History({ row }) {
  const line = (event) =>
    h(
      Table.Row,
      { key: event.event_id },
      h(Table.Cell, null, when(event.at)),
      h(Table.Cell, null, `${event.from_status ?? "staged"} → ${event.to_status}`),
      h(Table.Cell, null, event.actor_name ?? event.actor),
      h(Table.Cell, null, event.error_code ?? event.http_status ?? ""),
      h(Table.Cell, null, event.run_id && h(InsideLink, { to: runPage(event.dag_id, event.run_id) }, "run")),
    );
  const heads = ["When", "Change", "By", "Code", ""].map((title, key) => h(Table.ColumnHeader, { key }, title));
  return h(
    Table.Root,
    { size: "sm", "aria-label": "History" },
    h(Table.Header, null, h(Table.Row, null, heads)),
    h(Table.Body, null, row.history.map(line)),
  );
}

function Row({ row, laneAddress }) {
  const standing = row.status === "ready" && row.lane.state !== "open";
  const todo = row.hold ? `It is held (${row.hold}) until a person releases it: the run's report says how.` : row.what_to_do;
  return h(
    Card,
    { label: `Row on ${row.integration_id}` },
    h(
      HStack,
      { gap: "6", wrap: "wrap", marginBottom: "3" },
      h(Fact, { name: "Status" }, row.status.replace("_", " ")),
      h(Fact, { name: "Integration" }, h(InsideLink, { to: laneAddress(row.integration_id) }, row.integration_id)),
      h(Fact, { name: "Job" }, row.job_id),
      h(Fact, { name: "Code" }, reasonOf(row)),
      h(Fact, { name: "Requests" }, row.attempts),
      h(Fact, { name: "Changed" }, when(row.changed_at)),
      row.log_url && h(Fact, { name: "Kombo's log" }, h(OutsideLink, { url: row.log_url }, "open")),
      row.kombo_application_id && h(Fact, { name: "Application" }, row.kombo_application_id),
    ),
    (row.problems ?? []).map((one, key) =>
      h(Text, { key }, h(Code, null, String(one.field)), " ", String(one.problem)),
    ),
    standing && h(HStack, null, "Its lane is ", h(State, row), row.lane.code),
    h(Text, { marginY: "2", fontWeight: "semibold" }, `What to do: ${todo ?? ""}`),
    row.history.length > 0 && h(History, { row }),
    row.history.length === 0 && h(Text, { color: "fg.muted" }, `Staged ${when(row.staged_at)}; nothing changed since.`),
  );
}

export function Rows({ pipeline, applicantId, integrationId, laneAddress, onBack }) {
  const asked = { applicant_id: applicantId, integration_id: integrationId };
  const load = () => post(ofDag(pipeline, "row"), { source: pipeline.source }, asked);
  const { data: rows, error } = useLoaded(load, [pipeline.dag_id, pipeline.source, applicantId, integrationId]);
  return h(
    VStack,
    { align: "stretch", gap: "4" },
    h(HStack, null, h(Button, { size: "sm", variant: "outline", onClick: onBack }, "← Back")),
    h(Heading, { size: "md", as: "h2" }, `Applicant ${applicantId} of ${pipeline.source}`),
    error && h(Problem, { title: error }),
    !rows && !error && h(Loading),
    rows?.length === 0 &&
      h(
        Empty,
        null,
        "The ledger does not know it: the SELECT did not return it, or its changed_at lies outside of what runs read. ",
        h(Code, null, `airflow kombo explain ${pipeline.dag_id} …`),
        " says which.",
      ),
    rows?.map((row) => h(Box, { key: row.integration_id }, h(Row, { row, laneAddress }))),
  );
}
