// What a change would do, as the scheduler plans it: shown before it is made.

import { useEffect, useState } from "preact/hooks";
import { podPath, request } from "../api";
import { has } from "../features";
import type { Definition, Miss } from "../types";
import { Failure, Note } from "./basic";
import { Diff } from "./diff";
import { Nearest } from "./queue";

export interface PlanView {
  basedOn?: string;
  changes: boolean;
  action: string;
  summary: string;
  differences?: { path: string; before?: string; after?: string; hidden?: boolean }[];
  differencesLeftOut?: number;
  fit?: {
    asked: number;
    placed?: number;
    agents: number;
    unknown?: string;
    nearest?: Miss[];
  };
  conflicts: string[];
  warnings: { path: string; error: string }[];
}

/** The plan; undefined: this scheduler makes none. */
export async function planOf(definition: Definition, signal?: AbortSignal): Promise<PlanView | undefined> {
  if (!(await has("/v2/pods/{pod_id}::plan"))) return undefined;
  const options = { method: "POST", json: definition, ...(signal && { signal }) };
  return (await request(podPath(definition.id, "::plan"), options)).json();
}

/** Loads and shows it. `otherwise`: what is said of the change if there is no plan. */
export function Planned({ definition, otherwise }: { definition: Definition; otherwise: string }) {
  const [state, setState] = useState<{ plan?: PlanView; isDone: boolean; error?: unknown }>({ isDone: false });
  useEffect(() => {
    const ended = new AbortController();
    planOf(definition, ended.signal)
      .then((plan) => setState({ isDone: true, ...(plan && { plan }) }))
      .catch((error) => ended.signal.aborted || setState({ isDone: true, error }));
    return () => ended.abort();
  }, [definition]);
  if (state.error) return <Failure error={state.error} />;
  if (!state.isDone) return <p role="status">Planning…</p>;
  return state.plan ? <Plan plan={state.plan} /> : <p>{otherwise}</p>;
}

export function Plan({ plan }: { plan: PlanView }) {
  const { fit } = plan;
  return (
    <div class="plan">
      <Note tone={plan.changes ? "busy" : "idle"}>
        <p>{plan.summary}</p>
      </Note>
      {fit && (
        <p>
          {fit.placed === undefined
            ? `Whether it fits is not known${fit.unknown ? `: ${fit.unknown}` : ""}.`
            : `${fit.placed} of ${fit.asked} fit on the ${fit.agents === 1 ? "agent as it is" : `${fit.agents} agents as they are`} now.`}
        </p>
      )}
      <Nearest misses={fit?.nearest} />
      {plan.conflicts.length > 0 && (
        <Note tone="warn">
          <p>▲ A running deployment changes this pod: it has to end, or to be stopped, first.</p>
        </Note>
      )}
      {plan.warnings.map((each) => (
        <Note tone="warn">
          <p>
            ▲ {each.path}: {each.error}
          </p>
        </Note>
      ))}
      {plan.differences && plan.differences.length > 0 && <Diff rows={plan.differences} />}
      {plan.differencesLeftOut ? <p class="faint">and {plan.differencesLeftOut} more fields</p> : null}
    </div>
  );
}
