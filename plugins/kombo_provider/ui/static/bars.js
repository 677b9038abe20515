// Thirty days as bars: delivered, refused, left open. Colours are the host's, so they follow light and dark.
import { h, Text } from "./host.js";
import { count } from "./words.js";

const DAYS = 30;
const KINDS = [
  ["delivered", "var(--chakra-colors-success-solid)"],
  ["refused", "var(--chakra-colors-danger-solid, var(--chakra-colors-red-solid))"],
  ["open", "var(--chakra-colors-warning-solid, var(--chakra-colors-orange-solid))"],
];

function lastDays() {
  const today = Date.now();
  return Array.from({ length: DAYS }, (_, back) =>
    new Date(today - (DAYS - 1 - back) * 86_400_000).toISOString().slice(0, 10),
  );
}

const total = (day) => KINDS.reduce((sum, [kind]) => sum + (day?.[kind] ?? 0), 0);

/** What the colours mean. */
export const Legend = () =>
  h(
    Text,
    { fontSize: "xs", color: "fg.muted", "aria-hidden": true },
    "30 days: ",
    KINDS.map(([kind, color]) => h("span", { key: kind }, h("span", { style: { color } }, "■"), ` ${kind}  `)),
  );

export function Bars({ days, width = 180, height = 36 }) {
  const byDay = new Map((days ?? []).map((day) => [day.day, day]));
  const most = Math.max(1, ...[...byDay.values()].map(total));
  const wide = width / DAYS;
  const sums = KINDS.map(([kind]) => `${count([...byDay.values()].reduce((sum, day) => sum + day[kind], 0))} ${kind}`);
  const label = `Last 30 days: ${sums.join(", ")}`;
  const rects = lastDays().flatMap((name, index) => {
    let top = height;
    return KINDS.filter(([kind]) => byDay.get(name)?.[kind]).map(([kind, fill]) => {
      const tall = (byDay.get(name)[kind] / most) * (height - 1);
      top -= tall;
      const at = { x: index * wide, y: top, width: wide - 1, height: tall, fill };
      return h("rect", { key: `${name}${kind}`, ...at }, h("title", null, `${name}: ${count(total(byDay.get(name)))}`));
    });
  });
  const ground = { x1: 0, x2: width, y1: height, y2: height, stroke: "var(--chakra-colors-border)" };
  return h("svg", { role: "img", "aria-label": label, width, height }, rects, h("line", ground));
}
