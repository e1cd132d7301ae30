// How the last instances ended, with what their containers said.

import { Command } from "../../parts/basic";
import { shortId } from "../../parts/ids";
import { Age } from "../../time";
import type { InstanceEnd } from "../../types";

/** The name of a container in the id of its task: POD.instance-UUID.CONTAINER.N */
export function containerOf(taskId: string): string {
  const parts = taskId.slice(taskId.lastIndexOf("instance-")).split(".");
  return parts.slice(1, -1).join(".") || taskId;
}

export function Endings({ id, ends, otherwise }: { id: string; ends: InstanceEnd[]; otherwise?: string }) {
  if (!ends.length) return otherwise ? <p class="faint">{otherwise}</p> : null;
  return (
    <section aria-labelledby="ends">
      <h2 id="ends">How the last instances ended</h2>
      {ends.map((end) => (
        <details class="card">
          <summary>
            <code title={end.instanceID}>{shortId(end.instanceID)}</code> <Age at={end.terminatedAt} suffix=" ago" />
            {end.message && <span class="faint">: {end.message}</span>}
          </summary>
          <ul>
            {end.containers?.map((each) => (
              <li>
                <strong>{containerOf(each.containerId)}</strong>{" "}
                {each.lastKnownState.replace("TASK_", "").toLowerCase()}
                {each.termination?.exitCode !== undefined && `, exit code ${each.termination.exitCode}`}
                {each.termination?.message && `: ${each.termination.message}`}
                {each.podexec?.detail && <pre class="code">{each.podexec.detail}</pre>}
              </li>
            ))}
          </ul>
          <Command text={`podexec pod logs ${id} --previous --instance ${shortId(end.instanceID)}`} />
        </details>
      ))}
    </section>
  );
}
