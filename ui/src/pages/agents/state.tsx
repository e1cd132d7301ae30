// The state of an agent, its drain and its maintenance, in words.

import { Badge, Note, type Tone } from "../../parts/basic";
import { Age, duration } from "../../time";
import type { Agent, Agents } from "../../types";

const TONES: Record<string, Tone> = {
  active: "good",
  draining: "busy",
  drained: "warn",
  deactivated: "warn",
  recovering: "busy",
  disconnected: "bad",
  unregistered: "bad",
};
const MEANINGS: Record<string, string> = {
  disconnected: "The agent is not connected to the master.",
  deactivated: "Its operator has it get no tasks.",
  recovering: "A new master leads, and the agent has yet to register with it.",
  unregistered: "The master does not list this agent, but instances are on record there: it is unreachable, or gone.",
  unknown: "The master could not be asked.",
};

export const STATES = [...Object.keys(TONES), "unknown"];

/** When the maintenance of its machine begins, or whether it is now. */
function window(agent: Agent): "now" | "later" | "over" | undefined {
  if (!agent.maintenance) return undefined;
  const { start, end } = agent.maintenance;
  if (Date.parse(start) > Date.now()) return "later";
  return end && Date.parse(end) <= Date.now() ? "over" : "now";
}

export function State({ agent }: { agent: Agent }) {
  const maintenance = window(agent);
  return (
    <>
      <Badge tone={TONES[agent.state] ?? "idle"}>{agent.state}</Badge>
      {(maintenance === "now" || maintenance === "later") && (
        <>
          {" "}
          <Badge tone="warn">{maintenance === "now" ? "maintenance" : "maintenance soon"}</Badge>
        </>
      )}
    </>
  );
}

export function Explained({ agent }: { agent: Agent }) {
  const { drain, maintenance } = agent;
  const meaning = MEANINGS[agent.state];
  return (
    <>
      {meaning && <Note tone={TONES[agent.state] ?? "idle"}>{meaning}</Note>}
      {drain && (
        <Note tone="busy">
          {drain.state === "drained" ? "It is drained: nothing runs there" : "It is being drained: its tasks are ended"}
          {drain.since && (
            <>
              , since <Age at={drain.since} />
            </>
          )}
          {drain.maxGracePeriodSeconds !== undefined &&
            `, and get at most ${duration(drain.maxGracePeriodSeconds)} to end`}
          . It gets no new tasks{" "}
          {drain.markGone ? "and is removed for good afterwards." : "until its operator reactivates it."}
        </Note>
      )}
      {maintenance && (
        <Note tone="warn">
          Its machine is scheduled for maintenance from {new Date(maintenance.start).toLocaleString()}
          {maintenance.end ? ` until ${new Date(maintenance.end).toLocaleString()}` : ", without an end"}.
        </Note>
      )}
    </>
  );
}

/** What is missing in the list, and why. */
export function Problems({ list }: { list: Agents | undefined }) {
  return (
    <>
      {list?.problems.map((each) => (
        <Note tone="warn">
          <span aria-hidden="true">▲ </span>
          {each}
        </Note>
      ))}
    </>
  );
}
