// Which view is shown. The lane stands in the address, so that links lead to it; an applicant never does.
import { Box, h, Heading, useSearchParams, useState } from "./host.js";
import { Fleet, laneAddress } from "./fleet.js";
import { Lane } from "./lane.js";
import { Rows } from "./look_up.js";

export function Page() {
  const [params] = useSearchParams();
  const [row, setRow] = useState(null);
  const lane = params.get("lane");
  const pipeline = { dag_id: params.get("dag"), source: params.get("source") };
  const address = params.toString();
  const shownRow = row && row.address === address;
  const onRow = (found) => setRow({ ...found, address });
  let view = h(Fleet, { onRow });
  if (shownRow) view = h(Rows, { ...row, laneAddress: (name) => laneAddress(row.pipeline, name), onBack: () => setRow(null) });
  else if (lane && pipeline.dag_id) view = h(Lane, { pipeline, lane, onRow });
  return h(
    Box,
    { as: "main", padding: "4", overflow: "auto", height: "full", id: "kombo" },
    h(Heading, { size: "xl", as: "h1", marginBottom: "4" }, "Kombo"),
    view,
  );
}
