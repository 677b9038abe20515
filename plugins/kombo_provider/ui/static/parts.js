// Small parts that every view uses.
import { Alert, Badge, Box, Button, h, HStack, Link, RouterLink, Skeleton, Text, useState, VStack } from "./host.js";
import { age, palette, stateWords, when } from "./words.js";

/** A link to a page of Kombo's. The server lets only http and https through; so does this. */
export const OutsideLink = ({ url, children }) => (leadsOutside(url) ? outsideLink(url, children) : null);

/** A text that leads to a page of Kombo's where one is known. */
export const MaybeLinked = ({ url, children }) => (leadsOutside(url) ? outsideLink(url, children) : children);

const leadsOutside = (url) => /^https?:\/\//i.test(url ?? "");
const outsideLink = (url, children) =>
  h(Link, { href: url, target: "_blank", rel: "noopener noreferrer", color: "fg.info" }, children);

export const InsideLink = ({ to, children, ...more }) =>
  h(Link, { asChild: true, color: "fg.info", ...more }, h(RouterLink, { to }, children));

export const runPage = (dagId, runId) => `/dags/${encodeURIComponent(dagId)}/runs/${encodeURIComponent(runId)}`;

export const Problem = ({ title, children, status = "error" }) =>
  h(
    Alert.Root,
    { status, role: "alert" },
    h(Alert.Indicator),
    h(Alert.Content, null, h(Alert.Title, null, title), children && h(Alert.Description, null, children)),
  );

export const Loading = () =>
  h(
    VStack,
    { align: "stretch", role: "status", "aria-label": "Loading" },
    [0, 1, 2, 3].map((key) => h(Skeleton, { key, height: "9" })),
  );

export const Empty = ({ children }) => h(Text, { color: "fg.muted", paddingY: "4" }, children);

export const State = ({ lane }) => h(Badge, { colorPalette: palette(lane), variant: "subtle" }, stateWords(lane));

export const Age = ({ of }) => (of ? h("time", { dateTime: of, title: when(of), style: { whiteSpace: "nowrap" } }, age(of)) : null);

/** A number with its name, in a row of such. */
export const Fact = ({ name, children }) =>
  h(
    Box,
    { minWidth: "28" },
    h(Text, { fontSize: "xs", color: "fg.muted" }, name),
    h(Box, { fontSize: "md", fontWeight: "semibold" }, children === "" ? "–" : (children ?? "–")),
  );

export const Card = ({ children, label, ...more }) =>
  h(
    Box,
    { as: "section", "aria-label": label, borderWidth: "1px", borderRadius: "md", padding: "4", width: "full", ...more },
    children,
  );

/** A button that does something on the server, and says what went wrong beside it. */
export function Doing({ action, children, ...more }) {
  const [state, setState] = useState({ busy: false, error: null });
  const run = async () => {
    setState({ busy: true, error: null });
    try {
      await action();
      setState({ busy: false, error: null });
    } catch (error) {
      setState({ busy: false, error: error.message });
    }
  };
  return h(
    HStack,
    { display: "inline-flex" },
    h(Button, { size: "sm", variant: "outline", loading: state.busy, onClick: run, ...more }, children),
    state.error && h(Text, { color: "fg.error", role: "alert" }, state.error),
  );
}
