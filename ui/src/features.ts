// What this scheduler can do: the calls in its own description. Asked once, when first needed.

import { get } from "./api";

let asked: Promise<ReadonlySet<string>> | undefined;

/** Whether the scheduler has a call, by its path in the description: `/v2/pods/{pod_id}::plan`. */
export async function has(path: string): Promise<boolean> {
  asked ??= get<{ paths: Record<string, unknown> }>("openapi.json").then(({ paths }) => new Set(Object.keys(paths)));
  try {
    return (await asked).has(path);
  } catch (error) {
    asked = undefined;
    throw error;
  }
}
