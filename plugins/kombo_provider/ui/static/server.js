// Questions to the page's own server. URLs are relative to where Airflow lives; an applicant's id goes into a body.
import { useCallback, useEffect, useRef, useState } from "./host.js";

const WHILE_INCOMPLETE_MS = 500;
const WHILE_A_RUN_IS_ON_MS = 5_000;
const OTHERWISE_MS = 60_000;

async function ask(path, query, options) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  let answer;
  try {
    answer = await fetch(url, { credentials: "same-origin", ...options });
  } catch {
    throw new Error("Airflow's API server does not answer.");
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok) return body;
  const detail = body?.detail?.reason ?? body?.detail;
  const invalid = Array.isArray(detail) ? detail.map((one) => `${one.loc.at(-1)}: ${one.msg}`).join("; ") : null;
  throw new Error(invalid ?? detail ?? `Airflow's API server answered ${answer.status}.`);
}

const sending = (method, body) => ({
  method,
  headers: { "Content-Type": "application/json", "X-Kombo-Page": "1" },
  body: JSON.stringify(body),
});

export const get = (path, query = {}) => ask(`kombo/api/${path}`, query, {});

export const post = (path, query, body) => ask(`kombo/api/${path}`, query, sending("POST", body));

/** Airflow's own API, where Airflow itself checks who may do what. */
export const airflow = {
  get: (path, query = {}) => ask(`api/v2/${path}`, query, {}),
  patch: (path, body) => ask(`api/v2/${path}`, {}, sending("PATCH", body)),
};

export const ofDag = (pipeline, what) => `dags/${encodeURIComponent(pipeline.dag_id)}/${what}`;

/** Load something, and again while a run is on; `{data, error, reload}`, the last data kept while loading anew. */
export function useLoaded(load, keys) {
  const [state, setState] = useState({ data: null, error: null });
  const latest = useRef(0);
  const reload = useCallback(async () => {
    const mine = ++latest.current;
    try {
      const data = await load();
      if (mine === latest.current) setState({ data, error: null });
    } catch (error) {
      if (mine === latest.current) setState((former) => ({ data: former.data, error: error.message }));
    }
  }, keys);
  useEffect(() => {
    setState({ data: null, error: null });
    reload();
    return () => {
      latest.current++;
    };
  }, [reload]);
  const parts = Array.isArray(state.data) ? state.data : [state.data];
  const pause = parts.some((one) => one?.complete === false)
    ? WHILE_INCOMPLETE_MS
    : parts.some((one) => one?.airflow?.running)
      ? WHILE_A_RUN_IS_ON_MS
      : OTHERWISE_MS;
  useEffect(() => {
    const timer = setInterval(() => document.hidden || reload(), pause);
    return () => clearInterval(timer);
  }, [reload, pause]);
  return { ...state, reload };
}
