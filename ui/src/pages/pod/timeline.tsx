// What happened to a pod, newest first, with causes.

import { shortId } from "../../parts/ids";
import { Age } from "../../time";

export interface TimelineView {
  happenings: {
    at: string;
    what: string;
    instance?: string;
    container?: string;
    cause?: string;
    agentHostname?: string;
    user?: string;
    version?: string;
  }[];
  instancesLeftOut?: number;
}

const BAD = new Set(["unhealthy", "not ready", "failed", "unreachable", "ended", "deployment failed", "killed"]);
const GOOD = new Set(["running", "healthy", "ready", "reachable again", "deployment finished"]);

export function Timeline({ timeline }: { timeline: TimelineView }) {
  const happenings = [...timeline.happenings].reverse();
  return (
    <>
      {timeline.instancesLeftOut && (
        <p class="faint">
          Of the {timeline.instancesLeftOut} instances, only how they ended is shown: podexec pod timeline INSTANCE
          shows all of one.
        </p>
      )}
      <ol class="timeline">
        {happenings.map((each) => (
          <li class={BAD.has(each.what) ? "bad" : GOOD.has(each.what) ? "good" : ""}>
            <span class="number when">
              <Age at={each.at} suffix=" ago" />
            </span>
            <span aria-hidden="true">{BAD.has(each.what) ? "▲" : GOOD.has(each.what) ? "●" : "○"}</span>
            <span>
              <strong>{each.what}</strong>
              {each.instance && <code title={each.instance}> {shortId(each.instance)}</code>}
              {each.container && ` ${each.container}`}
              {each.agentHostname && <span class="faint"> on {each.agentHostname}</span>}
              {each.user && <span class="faint"> by {each.user}</span>}
              {each.cause && <span>: {each.cause}</span>}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}
