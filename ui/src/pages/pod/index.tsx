// What runs of a pod, since when, and why not all of it.

import { get, podPath, request } from "../../api";
import { has } from "../../features";
import { Badge, Facts, Failure, Note, Tabs, Title } from "../../parts/basic";
import { Bar, stateOf } from "../../parts/bar";
import { DeploymentCard } from "../../parts/deployment";
import { Why } from "../../parts/queue";
import { href, type Route } from "../../route";
import { about, useLoaded, useMay } from "../../state";
import { Age } from "../../time";
import type { Deployment, PodStatus, PodSummary, QueueEntry } from "../../types";
import { Definition } from "./definition";
import { Endings } from "./endings";
import { Instances } from "./instances";
import { Timeline, type TimelineView } from "./timeline";
import { MOST_MEASURED, UsagePlots, useUsage } from "./usage";
import { Verbs } from "./verbs";
import { Versions } from "./versions";

const EXTRAS = { embed: "podexec" };
const PERIOD = 10_000; // milliseconds; the queue changes without events

async function running(id: string, signal: AbortSignal): Promise<Deployment | undefined> {
  const all = await get<Deployment[]>("v2/deployments", EXTRAS, signal);
  return all.find((each) => each.affectedPods.includes(id));
}

async function timelineOf(id: string, signal: AbortSignal): Promise<TimelineView | undefined> {
  if (!(await has("/v2/pods/{pod_id}::timeline"))) return undefined;
  return get<TimelineView>(podPath(id, "::timeline"), {}, signal);
}

async function waiting(id: string, signal: AbortSignal): Promise<{ entries: QueueEntry[]; at: number }> {
  const { queue } = await get<{ queue: QueueEntry[] }>("v2/queue", EXTRAS, signal);
  return { entries: queue.filter((each) => each.pod.id === id), at: Date.now() };
}

export function Pod({ route }: { route: Route }) {
  const { id } = route;
  const tab = route.query.get("tab") ?? "instances";
  const may = useMay(id);
  const summary = useLoaded(
    (signal) => get<PodSummary[]>("v2/pods::status", { view: "summary", id: [id] }, signal).then((found) => found[0]),
    [id],
    about(id),
  );
  const {
    data: pod,
    error,
    reload,
  } = useLoaded((signal) => get<PodStatus>(podPath(id, "::status"), EXTRAS, signal), [id], about(id));
  const isWaiting = Boolean(summary.data?.instances?.waiting);
  const queue = useLoaded(
    (signal) => (isWaiting ? waiting(id, signal) : Promise.resolve(undefined)),
    [id, isWaiting],
    about(id),
    PERIOD,
  );
  const deploymentId = summary.data?.deployment?.id;
  const deployment = useLoaded(
    (signal) => (deploymentId ? running(id, signal) : Promise.resolve(undefined)),
    [id, deploymentId],
    about(id),
    deploymentId ? PERIOD : undefined,
  );
  const timeline = useLoaded((signal) => timelineOf(id, signal), [id], about(id));
  const count = pod?.instances?.length ?? 0;
  const isMeasured = tab === "instances" && may?.("usage") === true && count > 0 && count <= MOST_MEASURED;
  const usage = useUsage(id, isMeasured);
  const changed = () => {
    reload();
    summary.reload();
    deployment.reload();
  };

  if (!pod || !may)
    return (
      <>
        <Title>{id}</Title>
        {error ? <Failure error={error} retry={reload} /> : <p role="status">Loading…</p>}
      </>
    );
  const state = summary.data && stateOf(summary.data);
  const tabs: [string, string][] = [
    ["instances", "Instances"],
    ["versions", "Versions"],
    ["definition", "Definition"],
    ...(timeline.data ? [["timeline", "Timeline"] as [string, string]] : []), // last, as it comes later
  ];
  return (
    <>
      <Title command={`podexec pod show ${id}`}>
        {id} {state && <Badge tone={state.tone}>{state.word}</Badge>}
      </Title>
      <Failure error={error} />
      {pod.podexec?.onHold && (
        <Note tone="warn">
          <p>▲ {pod.podexec.onHold}</p>
        </Note>
      )}
      <Facts
        rows={[
          ["Instances", summary.data && <Bar counts={summary.data.instances ?? {}} asked={summary.data.asked ?? 0} />],
          ["Ready", `${summary.data?.instances?.ready ?? 0} of ${pod.spec.scaling?.instances ?? 1}`],
          ["Version", <Age at={pod.spec.version} suffix=" ago" />],
          ...Object.entries(pod.spec.labels ?? {}).map(([name, value]): [string, string] => [name, value]),
        ]}
      />
      {may("operate") && <Verbs pod={pod} changed={changed} />}
      {deployment.data && <DeploymentCard deployment={deployment.data} mayOperate={may("operate")} done={changed} />}
      {queue.data?.entries.map((entry) => (
        <section class="card" aria-label="Why instances wait">
          <Why entry={entry} loadedAt={queue.data?.at ?? 0} />
          {entry.delay.timeLeftSeconds > 0 && may("operate") && (
            <button
              type="button"
              onClick={() =>
                void request(`v2/queue${encodeURI(id)}/delay`, { method: "DELETE" }).then(changed, changed)
              }
            >
              Launch now
            </button>
          )}
        </section>
      ))}
      <Tabs
        tabs={tabs}
        current={tab}
        to={(name) => href("pod", id, { tab: name === "instances" ? undefined : name })}
      />
      {tab === "instances" && (
        <>
          <Instances pod={pod} usage={usage} mayOperate={may("operate")} changed={changed} />
          {usage && usage.points.length > 0 && <UsagePlots usage={usage} />}
          <Failure error={usage?.error} />
          {count > MOST_MEASURED && (
            <p class="faint">
              What {count} instances use is not measured here: podexec pod top {id} does it.
            </p>
          )}
          <Endings id={id} ends={pod.terminationHistory ?? []} />
        </>
      )}
      {tab === "timeline" && timeline.data && <Timeline timeline={timeline.data} />}
      {tab === "versions" && <Versions pod={pod} mayOperate={may("operate")} changed={changed} />}
      {tab === "definition" && <Definition spec={pod.spec} />}
    </>
  );
}
