import { Loading, Trouble, useCall } from "../../parts/parts";
import type { Status } from "../../parts/shapes";
import Credit from "./credit";
import Health from "./health";

// Publish is the wizard of the side that the scientist stands on.
export default function Publish() {
  const { data, problem, reload } = useCall<Status>("status");
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  return data.side === "credit" ? <Credit /> : <Health />;
}
