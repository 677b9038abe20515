// A table that sorts by any column, filters and pages: a thousand lanes fit on no screen.
import { Badge, Box, Button, h, HStack, Input, NativeSelect, Table, Text, useDeferredValue, useEffect, useMemo, useState } from "./host.js";
import { Empty } from "./parts.js";
import { count } from "./words.js";

const PAGE = 25;
const SETTLED_MS = 150; // who types a filter is asked for nothing before
const IN_ORDER = new Intl.Collator("en", { numeric: true });
const left = new Map(); // how each table was left, so that who comes back from a lane finds the table as it was

function useRemembered(label, name, first) {
  const key = `${label} ${name}`;
  const [value, setValue] = useState(left.get(key) ?? first);
  const remember = (next) => {
    left.set(key, next);
    setValue(next);
  };
  return [value, remember];
}

function compared(one, other) {
  const missing = (value) => value === null || value === undefined || value === "";
  if (missing(one) || missing(other)) return missing(one) - missing(other);
  return typeof one === "number" ? one - other : IN_ORDER.compare(String(one), String(other));
}

function Head({ column, sort, onSort }) {
  const active = sort.by === column.name;
  const order = active ? (sort.down ? "descending" : "ascending") : "none";
  const arrow = active ? (sort.down ? " ↓" : " ↑") : "";
  const next = { by: column.name, down: active ? !sort.down : Boolean(column.number) };
  const button = h(
    Button,
    { variant: "plain", size: "xs", paddingX: "0", fontWeight: "semibold", onClick: () => onSort(next) },
    column.title + arrow,
  );
  const end = column.number ? "end" : "start";
  const plain = h(Text, { fontSize: "xs", fontWeight: "semibold" }, column.title);
  return h(Table.ColumnHeader, { "aria-sort": order, textAlign: end }, column.value ? button : plain);
}

function Filters({ text, onText, choices, choice, onChoice, shown, all }) {
  const options = choices.map(([value, title]) => h("option", { key: value, value }, title));
  const select = { "aria-label": "Show", value: choice, onChange: (event) => onChoice(event.target.value) };
  return h(
    HStack,
    { marginBottom: "2", wrap: "wrap" },
    h(Input, {
      "aria-label": "Filter",
      placeholder: "Filter by integration, code or source",
      maxWidth: "80",
      size: "sm",
      value: text,
      onChange: (event) => onText(event.target.value),
    }),
    h(NativeSelect.Root, { size: "sm", width: "48" }, h(NativeSelect.Field, select, options), h(NativeSelect.Indicator)),
    h(Badge, { "aria-live": "polite" }, `${count(shown)} of ${count(all)}`),
  );
}

function Pager({ page, pages, onPage }) {
  const step = (to, title) =>
    h(Button, { size: "xs", variant: "outline", disabled: to < 0 || to >= pages, onClick: () => onPage(to) }, title);
  return h(
    HStack,
    { as: "nav", "aria-label": "Pages", marginTop: "2" },
    step(page - 1, "Previous"),
    h(Text, { fontSize: "sm" }, `Page ${page + 1} of ${pages}`),
    step(page + 1, "Next"),
  );
}

/** Columns: `{name, title, cell(row), value?(row), number?}`; choices: `[value, title, matches(row)]`. */
export function DataTable({ label, columns, rows, idOf, textOf, choices, firstSort, onShown }) {
  const [sort, setSort] = useRemembered(label, "sort", firstSort);
  const [text, setText] = useRemembered(label, "text", "");
  const [choice, setChoice] = useRemembered(label, "choice", choices[0][0]);
  const [page, setPage] = useRemembered(label, "page", 0);
  const typed = useDeferredValue(text); // letters appear at once, the table when there is time
  const found = useMemo(() => {
    const matches = choices.find(([value]) => value === choice)[2];
    const wanted = typed.trim().toLowerCase();
    const by = columns.find((column) => column.name === sort.by) ?? columns[0];
    const matching = rows.filter((row) => matches(row) && textOf(row).toLowerCase().includes(wanted));
    const sorted = matching.sort((one, other) => compared(by.value(one), by.value(other)));
    return sort.down ? sorted.reverse() : sorted;
  }, [rows, typed, choice, sort]);
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  const at = Math.min(page, pages - 1);
  const shown = found.slice(at * PAGE, (at + 1) * PAGE);
  const ids = shown.map(idOf).join("\n");
  useEffect(() => {
    const timer = setTimeout(() => onShown?.(shown), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [ids]);
  const restart = (set) => (value) => {
    set(value);
    setPage(0);
  };
  const cell = (row) => (column) =>
    h(Table.Cell, { key: column.name, textAlign: column.number ? "end" : "start" }, column.cell(row));
  return h(
    Box,
    { width: "full", overflowX: "auto" },
    h(Filters, {
      ...{ text, choices, choice, shown: found.length, all: rows.length },
      onText: restart(setText),
      onChoice: restart(setChoice),
    }),
    h(
      Table.Root,
      { size: "sm", "aria-label": label },
      h(
        Table.Header,
        null,
        h(
          Table.Row,
          null,
          columns.map((column) => h(Head, { key: column.name, column, sort, onSort: restart(setSort) })),
        ),
      ),
      h(
        Table.Body,
        null,
        shown.map((row) => h(Table.Row, { key: idOf(row) }, columns.map(cell(row)))),
      ),
    ),
    !shown.length && h(Empty, null, "No lane is like that."),
    pages > 1 && h(Pager, { page: at, pages, onPage: setPage }),
  );
}
