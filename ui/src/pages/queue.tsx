// Why is it pending? All instances that wait for an offer, by pod.

import { get } from "../api";
import { Empty, Failure, Title } from "../parts/basic";
import { Why } from "../parts/queue";
import { href } from "../route";
import { useLoaded } from "../state";
import type { QueueEntry } from "../types";

const PERIOD = 5000; // milliseconds; offers come and go without events
const MOST = 200; // entries shown

export function Queue() {
  const { data, error, reload } = useLoaded(
    async (signal) => {
      const { queue } = await get<{ queue: QueueEntry[] }>("v2/queue", { embed: "podexec" }, signal);
      return { queue, at: Date.now() };
    },
    [],
    (event) => event.kind === "instance_changed_event",
    PERIOD,
  );
  const shown = data?.queue.slice(0, MOST) ?? [];
  return (
    <>
      <Title command="podexec queue list">Queue</Title>
      <Failure error={error} retry={reload} />
      {!data && !error && <p role="status">Loading…</p>}
      {data?.queue.length === 0 && <Empty title="No instance waits to be launched." command="podexec queue list" />}
      {shown.map((entry) => (
        <section class="card" aria-label={`Queue of ${entry.pod.id}`} key={`${entry.pod.id} ${entry.since}`}>
          <h2>
            <a href={href("pod", entry.pod.id)}>{entry.pod.id}</a> <span class="faint">role {entry.role}</span>
          </h2>
          <Why entry={entry} loadedAt={data?.at ?? 0} />
        </section>
      ))}
      {data && data.queue.length > MOST && <p class="faint">and {data.queue.length - MOST} more</p>}
    </>
  );
}
