// The agents, loaded again after events of instances and every few seconds: offers and drains come without events.

import { get } from "../../api";
import { type Loaded, useLoaded } from "../../state";
import type { Agents } from "../../types";

const PERIOD = 10_000; // milliseconds
const SHARE = 500; // the list of a thousand agents takes a twentieth of a second to make

export function useAgents(): Loaded<Agents> {
  return useLoaded(
    (signal) => get<Agents>("v2/agents", {}, signal),
    [],
    (event) => event.kind === "instance_changed_event" || event.kind.startsWith("scheduler_"),
    PERIOD,
    SHARE,
  );
}
