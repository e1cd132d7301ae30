// The instances of a pod, each with its containers below it.

import { useState } from "preact/hooks";
import { podPath, request } from "../../api";
import { Badge, Confirm, Empty, type Question, type Tone } from "../../parts/basic";
import { shortId, webAddress } from "../../parts/ids";
import { Rows } from "../../parts/rows";
import { href } from "../../route";
import { Age } from "../../time";
import type { ContainerStatus, InstanceStatus, PodStatus } from "../../types";
import type { Rates, Usage } from "./usage";

const ROW = 34; // pixels

type Row =
  | { kind: "instance"; instance: InstanceStatus }
  | { kind: "container"; instance: InstanceStatus; container: ContainerStatus };

export function Instances({
  pod,
  usage,
  mayOperate,
  changed,
}: {
  pod: PodStatus;
  usage: Usage | undefined;
  mayOperate: boolean;
  changed: () => void;
}) {
  const [question, setQuestion] = useState<Question>();
  const instances = pod.instances ?? [];
  if (!instances.length) return <Empty title="No instance has been launched." />;
  const rows: Row[] = instances.flatMap((instance) => [
    { kind: "instance" as const, instance },
    ...(instance.containers ?? []).map((container) => ({ kind: "container" as const, instance, container })),
  ]);
  const kill = (instance: InstanceStatus) =>
    setQuestion({
      title: `Kill instance ${shortId(instance.id)}?`,
      consequence: "Its containers end, and it is launched again under the same id, without a back-off.",
      verb: "Kill",
      isDestructive: true,
      act: () =>
        request(podPath(pod.id, `::instances/${encodeURIComponent(instance.id)}`), { method: "DELETE" }).then(changed),
    });
  return (
    <>
      <Rows
        kind="instances"
        label="Instances and their containers"
        rows={rows}
        height={ROW}
        columns={["Instance, container", "State", "Since", "Where, endpoints", "CPUs", "MiB", ""]}
        keyOf={(row) => (row.kind === "instance" ? row.instance.id : `${row.instance.id} ${row.container.name}`)}
        render={(row, index) =>
          row.kind === "instance" ? (
            <InstanceRow
              instance={row.instance}
              index={index}
              current={pod.spec.version}
              rates={usage?.rates.get(row.instance.id)}
              kill={mayOperate ? kill : undefined}
            />
          ) : (
            <ContainerRow
              pod={pod.id}
              instance={row.instance}
              container={row.container}
              index={index}
              rates={usage?.rates.get(`${row.instance.id} ${row.container.name}`)}
            />
          )
        }
      />
      <Confirm question={question} close={() => setQuestion(undefined)} />
    </>
  );
}

const TONES: Record<string, Tone> = {
  STABLE: "good",
  STAGING: "busy",
  PENDING: "warn",
  DEGRADED: "bad",
  TERMINAL: "idle",
};
const WORDS: Record<string, string> = {
  STABLE: "stable",
  STAGING: "starting",
  PENDING: "waiting",
  DEGRADED: "degraded",
  TERMINAL: "ending",
};

function InstanceRow({
  instance,
  index,
  current,
  rates,
  kill,
}: {
  instance: InstanceStatus;
  index: number;
  current: string | undefined;
  rates: Rates | undefined;
  kill: ((instance: InstanceStatus) => void) | undefined;
}) {
  const version = instance.specReference.split("::versions/")[1];
  const zone = [instance.agentRegion, instance.agentZone].filter(Boolean).join("/");
  return (
    <div role="row" aria-rowindex={index + 2} class="row instance">
      <span role="cell" title={instance.id}>
        <strong>
          <code>{shortId(instance.id)}</code>
        </strong>
        {version !== current && <span class="faint"> earlier version</span>}
      </span>
      <span role="cell" title={instance.message}>
        <Badge tone={TONES[instance.status] ?? "idle"}>{WORDS[instance.status] ?? instance.status}</Badge>
      </span>
      <span role="cell" class="number">
        <Age at={instance.statusSince} />
      </span>
      <span role="cell" title={instance.agentId}>
        {instance.message ? (
          <span class="faint">{instance.message}</span>
        ) : (
          instance.agentId && <a href={href("agent", instance.agentId)}>{instance.agentHostname}</a>
        )}
        {zone && !instance.message && <span class="faint"> {zone}</span>}
      </span>
      <Amounts rates={rates} cpus={instance.resources?.cpus} mem={instance.resources?.mem} />
      <span role="cell">
        {kill && (
          <button
            type="button"
            class="quiet"
            aria-label={`Kill instance ${shortId(instance.id)}`}
            onClick={() => kill(instance)}
          >
            kill…
          </button>
        )}
      </span>
    </div>
  );
}

export function stateOfContainer(container: ContainerStatus): { word: string; tone: Tone } {
  const word = container.status.replace("TASK_", "").toLowerCase().replaceAll("_", " ");
  const failed = container.conditions?.find((each) => each.value === "false");
  if (container.status === "TASK_RUNNING") {
    if (failed?.name === "healthy") return { word: "unhealthy", tone: "bad" };
    return failed
      ? { word: "not ready", tone: "busy" }
      : { word: container.conditions?.length ? "healthy" : word, tone: "good" };
  }
  if (["TASK_STAGING", "TASK_STARTING"].includes(container.status)) return { word, tone: "busy" };
  if (["TASK_FINISHED", "TASK_KILLED", "TASK_KILLING"].includes(container.status)) return { word, tone: "idle" };
  return { word, tone: container.status === "TASK_UNREACHABLE" ? "warn" : "bad" };
}

function ContainerRow({
  pod,
  instance,
  container,
  index,
  rates,
}: {
  pod: string;
  instance: InstanceStatus;
  container: ContainerStatus;
  index: number;
  rates: Rates | undefined;
}) {
  const state = stateOfContainer(container);
  const restarts = container.podexec?.restarts;
  const failing = container.podexec?.checks?.find((each) => !each.passed);
  const said = failing ? `${failing.check}: ${failing.result}` : container.message;
  return (
    <div role="row" aria-rowindex={index + 2} class="row">
      <span role="cell" class="name">
        <a href={href("container", pod, { instance: instance.id, container: container.name })}>{container.name}</a>
        {restarts ? <span class="faint"> ↻ {restarts === 1 ? "1 restart" : `${restarts} restarts`}</span> : null}
      </span>
      <span role="cell" title={said}>
        <Badge tone={state.tone}>{state.word}</Badge>
      </span>
      <span role="cell" class="number">
        <Age at={container.statusSince} />
      </span>
      <span role="cell">
        {(container.endpoints ?? []).map((each) => {
          const url = webAddress(instance.agentHostname, each.allocatedHostPort);
          const text = each.allocatedHostPort ? `${each.name}:${each.allocatedHostPort}` : each.name;
          return url ? (
            <a class="endpoint" href={url} target="_blank" rel="noopener noreferrer" title={url}>
              {text} ↗
            </a>
          ) : (
            <span class="endpoint faint">{text}</span>
          );
        })}
        {said && state.tone !== "good" && (
          <span class="faint" title={said}>
            {said}
          </span>
        )}
      </span>
      <Amounts rates={rates} cpus={container.resources?.cpus} mem={container.resources?.mem} />
      <span role="cell" />
    </div>
  );
}

function Amounts({
  rates,
  cpus,
  mem,
}: {
  rates: Rates | undefined;
  cpus: number | undefined;
  mem: number | undefined;
}) {
  const of = (used: string, requested: number | undefined) =>
    `${used}${requested === undefined ? "" : ` / ${requested}`}`;
  return (
    <>
      <span role="cell" class="number" title="used / requested">
        {of(rates?.cpus?.toFixed(2) ?? "–", cpus)}
      </span>
      <span role="cell" class="number" title="used / requested">
        {of(rates?.memory?.toFixed(0) ?? "–", mem)}
      </span>
    </>
  );
}
