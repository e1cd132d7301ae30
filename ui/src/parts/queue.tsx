// Why instances wait: the funnel of offers, and the nearest miss for each reason.

import { Left, Age } from "../time";
import type { Miss, QueueEntry } from "../types";

const REASONS: Record<string, string> = {
  UnfulfilledRole: "role",
  UnfulfilledConstraint: "placement constraints",
  NoCorrespondingReservationFound: "reservation",
  AgentMaintenance: "maintenance",
  InsufficientCpus: "CPUs",
  InsufficientMemory: "memory",
  InsufficientDisk: "disk",
  InsufficientGpus: "GPUs",
  InsufficientPorts: "ports",
  DeclinedScarceResources: "scarce resources",
};

/** For each reason: what was asked, and the most that an agent has of it. */
export function Nearest({ misses }: { misses: Miss[] | undefined }) {
  return (
    <>
      {misses?.map((each) => (
        <p>
          <span aria-hidden="true">▲ </span>
          {REASONS[each.reason] ?? each.reason}: wants <strong>{each.asked}</strong>,{" "}
          {each.agents === 1 ? "1 agent" : `the best of ${each.agents} agents`} has <strong>{each.offered}</strong>
        </p>
      ))}
    </>
  );
}

export function Why({ entry, loadedAt }: { entry: QueueEntry; loadedAt: number }) {
  const { processedOffersSummary: summary, podexec: extra = {} } = entry;
  const funnel = summary.rejectSummaryLastOffers.filter((each) => each.declined > 0);
  const agents = summary.rejectSummaryLastOffers[0]?.processed ?? 0;
  const left = entry.delay.timeLeftSeconds;
  return (
    <div class="why">
      <p>
        <strong>
          {entry.count} {entry.count === 1 ? "instance waits" : "instances wait"}
        </strong>{" "}
        since <Age at={entry.since} />
        {left > 0 && (
          <>
            , backing off after failures: next launch in <Left until={loadedAt + left * 1000} />
          </>
        )}
        .
      </p>
      {extra.lastTermination && <p class="note bad">✕ The last launch ended: {extra.lastTermination}</p>}
      <Nearest misses={extra.nearest} />
      {funnel.length > 0 ? (
        <table class="funnel">
          <caption>
            {agents} {agents === 1 ? "agent" : "agents"} made offers; the first thing that did not fit:
          </caption>
          <tbody>
            {funnel.map((each) => (
              <tr>
                <th scope="row">{REASONS[each.reason] ?? each.reason}</th>
                <td>
                  <meter
                    min={0}
                    max={agents || 1}
                    value={each.declined}
                    aria-label={`${each.declined} of ${agents} agents`}
                  />
                </td>
                <td class="number">{each.declined}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        left === 0 && <p class="faint">No agent has made an offer since then.</p>
      )}
    </div>
  );
}
