// Numbers, ages and states in words.

const UNITS = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
];

/** "3 h" for a number of seconds. */
export function duration(seconds) {
  for (const [size, unit] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return "< 1 min";
}

/** How long ago an instant was, in words; "" where there is none. */
export const age = (instant) => (instant ? duration((Date.now() - Date.parse(instant)) / 1000) : "");

export const when = (instant) =>
  instant ? `${new Date(instant).toISOString().slice(0, 16).replace("T", " ")} UTC` : "";

export const count = (number) => Number(number ?? 0).toLocaleString("en-US");

/** Hours in words, an estimate. */
export function hours(number) {
  if (number === null || number === undefined) return "";
  if (number === 0) return "0";
  const seconds = number * 3600;
  return seconds < 60 ? duration(seconds) : `≈ ${duration(seconds)}`;
}

export const statusWords = (statuses) =>
  Object.entries(statuses ?? {})
    .map(([name, rows]) => `${count(rows)} ${name.replace("_", " ")}`)
    .join(", ");

const PALETTES = { open: "green", paused: "orange", blocked: "red", stopped: "purple", drained: "purple" };
export const palette = (lane) => (lane.snoozed ? "gray" : (PALETTES[lane.state] ?? "gray"));

export const stateWords = (lane) => (lane.snoozed ? `${lane.state}, snoozed` : lane.state);

const TO_DO = {
  open: "Nothing to do: the next run sends what waits.",
  paused: "Requests failed or were not answered. The next run tries one request first; the log page says what happened.",
  blocked: "Correct what the code names in Kombo's dashboard. The next run checks by itself and goes on.",
  stopped: "A person stopped this lane. Only a person opens it again.",
};
export function whatToDo(lane) {
  if (lane.state === "open" && (lane.in_doubt || lane.held)) return "It is open; rows in doubt or held wait for a look-up or an answer.";
  return TO_DO[lane.state] ?? "";
}
