// What a person may do to a lane: open it, stop it, have runs pass over it for a while.
import { Button, h, HStack, Input, Text, useState, VStack } from "./host.js";
import { Card, Doing } from "./parts.js";

const DAY_MS = 86_400_000;
const inDays = (days) => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 16);

const WORDS = {
  open: "Requests leave again with the next run.",
  stop: "No request leaves on this lane until a person opens it.",
  snooze: "Runs pass over this lane for its present code; it opens by itself once Kombo's check passes.",
};
const TITLES = { open: "Open", stop: "Stop", snooze: "Snooze" };

function possible(lane) {
  if (lane.state === "open") return ["stop"];
  if (lane.state === "stopped") return ["open"];
  return ["open", "stop", "snooze"];
}

export function Actions({ lane, act }) {
  const [chosen, setChosen] = useState(null);
  const [reason, setReason] = useState("");
  const [until, setUntil] = useState(inDays(7));
  const confirm = async () => {
    const end = chosen === "snooze" ? { until: `${until}:00Z` } : {};
    await act(chosen === "snooze" ? "snooze" : `lane/${chosen}`, { reason: reason || null, ...end });
    setChosen(null);
    setReason("");
  };
  const choose = (action) =>
    h(
      Button,
      { key: action, size: "sm", variant: chosen === action ? "solid" : "outline", "aria-expanded": chosen === action, onClick: () => setChosen(action) },
      TITLES[action],
    );
  const untilInput = h(
    HStack,
    { as: "label" },
    h(Text, null, "Until (UTC)"),
    h(Input, {
      type: "datetime-local",
      size: "sm",
      width: "56",
      max: inDays(30),
      value: until,
      onChange: (event) => setUntil(event.target.value),
    }),
  );
  const form = chosen && [
    h(Text, { key: "words" }, WORDS[chosen]),
    h(
      HStack,
      { key: "form", wrap: "wrap" },
      chosen === "snooze" && untilInput,
      h(Input, {
        "aria-label": "Reason",
        placeholder: "Reason",
        size: "sm",
        width: "80",
        value: reason,
        onChange: (event) => setReason(event.target.value),
      }),
      h(Doing, { action: confirm, variant: "solid" }, `${TITLES[chosen]} this lane`),
      h(Button, { size: "sm", variant: "ghost", onClick: () => setChosen(null) }, "Cancel"),
    ),
  ];
  return h(Card, { label: "Actions" }, h(VStack, { align: "start" }, h(HStack, null, possible(lane).map(choose)), form));
}
