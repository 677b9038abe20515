// The open questions about a lane. Airflow lists them, checks who may answer, and keeps the answer in its audit log.
import { Code, h, HStack, Link, RouterLink, Text, Textarea, useState, VStack } from "./host.js";
import { Card, Doing, runPage } from "./parts.js";
import { airflow, useLoaded } from "./server.js";

const IDS_FIELD = "ids_in_the_ats";
const MEANINGS = {
  "They were sent": "they are in the ATS; their ids are looked up later",
  "Send again": "they are not in the ATS; an ATS that has them after all may then hold two",
  "Keep looking": "look them up again every hour, ask again in a day",
  "Give up": "cancel them for good",
  "Send them": "the next run sends them",
  "Cancel them": "they are never sent",
  "Leave them held": "ask again in a day",
};

const taskPath = ({ dag_id, dag_run_id, task_id, map_index }) =>
  ["dags", dag_id, "dagRuns", dag_run_id, "taskInstances", task_id, map_index, "hitlDetails"].map(encodeURIComponent).join("/");

const taskPage = ({ dag_id, dag_run_id, task_id, map_index }) =>
  `${runPage(dag_id, dag_run_id)}/tasks/${encodeURIComponent(task_id)}/mapped/${map_index}/required_actions`;

async function load(pipeline, lane) {
  const asked = { response_received: false, subject_search: `for ${lane}`, limit: 100 };
  const found = await airflow.get("dags/~/dagRuns/~/hitlDetails", asked);
  return found.hitl_details.filter((one) => one.subject.endsWith(` for ${lane}`) && one.body?.includes(pipeline.source));
}

function Question({ question, onAnswer }) {
  const [ids, setIds] = useState("");
  const takesIds = IDS_FIELD in (question.params ?? {});
  const answer = (option) => async () => {
    const written = takesIds ? { [IDS_FIELD]: ids } : {};
    await airflow.patch(taskPath(question.task_instance), { chosen_options: [option], params_input: written });
    await onAnswer();
  };
  const option = (name) =>
    h(
      HStack,
      { key: name, wrap: "wrap" },
      h(Doing, { action: answer(name), size: "xs" }, name),
      h(Text, { color: "fg.muted", fontSize: "sm" }, MEANINGS[name] ?? ""),
    );
  const link = h(RouterLink, { to: taskPage(question.task_instance) }, "The whole question, row by row");
  return h(
    VStack,
    { align: "start", gap: "2" },
    h(Text, { fontWeight: "semibold" }, question.subject),
    h(Link, { asChild: true, color: "fg.info" }, link),
    takesIds && h(Text, { fontSize: "sm" }, "Where you see the ATS's ids, one row a line: ", h(Code, null, "applicant_id = id")),
    takesIds && h(Textarea, { "aria-label": "Ids in the ATS", rows: 2, size: "sm", value: ids, onChange: (event) => setIds(event.target.value) }),
    question.options.map(option),
  );
}

export function Questions({ pipeline, lane, onAnswer }) {
  const { data, reload } = useLoaded(() => load(pipeline, lane), [pipeline.source, lane]);
  const answered = async () => {
    await reload();
    await onAnswer();
  };
  return (data ?? []).map((question) =>
    h(Card, { key: question.task_instance.id, label: "Question" }, h(Question, { question, onAnswer: answered })),
  );
}
