// Is anything wrong, and where? All pods by group, problems first.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, message } from "../api";
import { useKeys } from "../keys";
import { podsOf } from "../live";
import { Badge, Empty, Failure, Title } from "../parts/basic";
import { Bar, STATES, stateOf } from "../parts/bar";
import { Rows } from "../parts/rows";
import { go, href, refine, type Route } from "../route";
import { live } from "../state";
import { Age } from "../time";
import type { PodSummary } from "../types";

const ROW = 34; // pixels
const MANY = 50; // changed pods above which all are loaded: the answer to a query for each would take longer
const SHORTEST_WAIT = 400; // milliseconds
const SHARE = 10; // of the time, at most one part of so many is spent on loading

/** The summaries of all pods: one request, then only those that events name. */
export function useSummaries(): { pods: Map<string, PodSummary> | undefined; error: unknown } {
  const [state, setState] = useState<{ pods: Map<string, PodSummary> | undefined; error: unknown }>({
    pods: undefined,
    error: undefined,
  });
  useEffect(() => {
    const ended = new AbortController();
    const changed = new Set<string>();
    let all = true;
    let timer: number | undefined;
    let wait = 0;
    const soon = () => {
      timer ??= window.setTimeout(() => void load(), wait);
    };
    const load = async () => {
      const began = performance.now();
      const ids = [...changed];
      const whole = all || ids.length > MANY;
      changed.clear();
      all = false;
      try {
        const query = { view: "summary", ...(whole ? {} : { id: ids }) };
        const found = await get<PodSummary[]>("v2/pods::status", query, ended.signal);
        setState(({ pods }) => {
          const now = new Map(whole ? [] : pods);
          for (const id of whole ? [] : ids) now.delete(id);
          for (const pod of found) now.set(pod.id, pod);
          return { pods: now, error: undefined };
        });
      } catch (error) {
        if (ended.signal.aborted) return;
        all = true;
        setState(({ pods }) => ({ pods, error }));
      }
      wait = Math.max(SHORTEST_WAIT, (performance.now() - began) * SHARE);
      timer = undefined;
      if (changed.size || all) soon();
    };
    void load();
    const off = [
      live.events((event) => {
        for (const id of podsOf(event)) changed.add(id);
        if (changed.size) soon();
      }),
      live.connections(({ state }) => {
        if (state !== "open") return;
        all = true;
        soon();
      }),
    ];
    return () => {
      ended.abort();
      clearTimeout(timer);
      for (const each of off) each();
    };
  }, []);
  return state;
}

type Row = { kind: "group"; id: string; pods: number; isOpen: boolean } | { kind: "pod"; pod: PodSummary };

function groupOf(id: string): string {
  return id.slice(0, id.lastIndexOf("/")) || "/";
}

function matches(pod: PodSummary, query: URLSearchParams): boolean {
  const text = query.get("text")?.toLowerCase();
  const label = query.get("label");
  const agent = query.get("agent");
  const state = query.get("state");
  if (text && !pod.id.includes(text)) return false;
  if (state && stateOf(pod).word !== state) return false;
  if (agent && !pod.agents?.includes(agent)) return false;
  if (label) {
    const [name = "", value] = label.split(/=(.*)/s);
    const found = pod.labels?.[name];
    if (found === undefined || (value !== undefined && found !== value)) return false;
  }
  return true;
}

/** The pods in the order in which they are shown: groups with the worst first, in them the worst first. */
function ordered(pods: PodSummary[]): string[] {
  const groups = new Map<string, PodSummary[]>();
  for (const pod of pods) {
    const id = groupOf(pod.id);
    const members = groups.get(id);
    if (members) members.push(pod);
    else groups.set(id, [pod]);
  }
  const rank = (pod: PodSummary) => Math.min(stateOf(pod).rank, 4);
  const worst = (members: PodSummary[]) => Math.min(...members.map(rank));
  return [...groups]
    .map(([id, members]) => ({ id, members, worst: worst(members) }))
    .sort((a, b) => a.worst - b.worst || a.id.localeCompare(b.id))
    .flatMap(({ members }) => members.sort((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id)))
    .map((pod) => pod.id);
}

export function Pods({ route }: { route: Route }) {
  const { pods, error } = useSummaries();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [isHovered, setHovered] = useState(false);
  const [selected, setSelected] = useState<number>();
  const order = useRef<string[]>([]);
  const filter = route.query.toString();
  const lastFilter = useRef(filter);

  const found = useMemo(() => [...(pods?.values() ?? [])].filter((pod) => matches(pod, route.query)), [pods, filter]);
  // Nothing moves under the pointer: meanwhile rows keep their places, and new ones wait.
  const keeps = isHovered && lastFilter.current === filter && order.current.length > 0;
  if (!keeps) {
    order.current = ordered(found);
    lastFilter.current = filter;
  }
  const byId = new Map(found.map((pod) => [pod.id, pod]));
  const kept = order.current.flatMap((id) => byId.get(id) ?? []);
  const hidden = found.length - kept.length;

  const rows: Row[] = [];
  let group: string | undefined;
  for (const pod of kept) {
    const id = groupOf(pod.id);
    if (id !== group) {
      group = id;
      rows.push({
        kind: "group",
        id,
        pods: kept.filter((each) => groupOf(each.id) === id).length,
        isOpen: !closed.has(id),
      });
    }
    if (!closed.has(id)) rows.push({ kind: "pod", pod });
  }

  const at = useRef<number | undefined>(undefined); // keys may come faster than the page is drawn
  const move = (step: number) => {
    let next = (at.current ?? -1) + step;
    while (rows[next]?.kind === "group") next += step;
    if (!rows[next]) return;
    at.current = next;
    setSelected(next);
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: () => {
      const row = at.current === undefined ? undefined : rows[at.current];
      if (row?.kind === "pod") go(href("pod", row.pod.id));
    },
  });
  const toggle = (id: string) =>
    setClosed((before) => {
      const now = new Set(before);
      if (!now.delete(id)) now.add(id);
      return now;
    });

  const problems = found.filter((pod) => stateOf(pod).rank < 4).length;
  return (
    <>
      <Title command="podexec pod list">Pods</Title>
      <Filter route={route} pods={pods} />
      <Failure error={error && (pods ? new Error(`${message(error)} What is shown may be out of date.`) : error)} />
      <p class="summary" role="status">
        {pods &&
          `${found.length === pods.size ? "" : `${found.length} of `}${pods.size} ${pods.size === 1 ? "pod" : "pods"}, ` +
            (problems ? `${problems} with problems` : "no problems")}
        {!pods && !error && "Loading…"}
        {hidden > 0 && <strong> {hidden} new: shown when the pointer leaves the list</strong>}
      </p>
      {pods?.size === 0 && <Empty title="There are no pods yet. Add one:" command="podexec pod add FILE" />}
      {pods !== undefined && pods.size > 0 && found.length === 0 && <Empty title="No pod matches the filter." />}
      {rows.length > 0 && (
        <Rows
          kind="pods"
          label="Pods"
          rows={rows}
          height={ROW}
          columns={["Pod", "State", "Instances", "Ready", "Version"]}
          keyOf={(row) => (row.kind === "group" ? `group ${row.id}` : row.pod.id)}
          {...(selected !== undefined && { selected })}
          onHover={setHovered}
          render={(row, index) =>
            row.kind === "group" ? (
              <GroupRow row={row} index={index} toggle={toggle} />
            ) : (
              <PodRow pod={row.pod} index={index} />
            )
          }
        />
      )}
    </>
  );
}

function Filter({ route, pods }: { route: Route; pods: Map<string, PodSummary> | undefined }) {
  const { labels, agents } = useMemo(() => {
    const labels = new Set<string>();
    const agents = new Set<string>();
    for (const pod of pods?.values() ?? []) {
      for (const [name, value] of Object.entries(pod.labels ?? {})) labels.add(`${name}=${value}`);
      for (const agent of pod.agents ?? []) agents.add(agent);
    }
    return { labels: [...labels].sort(), agents: [...agents].sort() };
  }, [pods]);
  const choice = (name: string, label: string, values: readonly string[]) => {
    const current = route.query.get(name) ?? "";
    const all = current && !values.includes(current) ? [current, ...values] : values;
    return (
      <label>
        <span class="hidden">{label}</span>
        <select value={current} onChange={(event) => refine({ [name]: event.currentTarget.value })}>
          <option value="">any {label}</option>
          {all.map((value) => (
            <option value={value}>{value}</option>
          ))}
        </select>
      </label>
    );
  };
  return (
    <search class="filter">
      <label>
        <span class="hidden">Filter by id</span>
        <input
          type="search"
          placeholder="Filter by id  /"
          value={route.query.get("text") ?? ""}
          onInput={(event) => refine({ text: event.currentTarget.value })}
          onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
        />
      </label>
      {choice("state", "state", STATES)}
      {(labels.length > 0 || route.query.has("label")) && choice("label", "label", labels)}
      {(agents.length > 0 || route.query.has("agent")) && choice("agent", "agent", agents)}
    </search>
  );
}

function GroupRow({
  row,
  index,
  toggle,
}: {
  row: Row & { kind: "group" };
  index: number;
  toggle: (id: string) => void;
}) {
  return (
    <div role="row" aria-rowindex={index + 2} class="row group">
      <span role="cell">
        <button type="button" class="quiet" aria-expanded={row.isOpen} onClick={() => toggle(row.id)}>
          <span aria-hidden="true">{row.isOpen ? "▾" : "▸"}</span> {row.id}
        </button>{" "}
        <span class="faint">{row.pods}</span>
      </span>
    </div>
  );
}

function PodRow({ pod, index }: { pod: PodSummary; index: number }) {
  const state = stateOf(pod);
  const asked = pod.asked ?? 0;
  return (
    <div role="row" aria-rowindex={index + 2} class="row">
      <span role="cell" class="name">
        <a href={href("pod", pod.id)} title={pod.id}>
          {pod.id.slice(pod.id.lastIndexOf("/") + 1)}
        </a>
      </span>
      <span role="cell">
        <Badge tone={state.tone}>{state.word}</Badge>
      </span>
      <span role="cell">
        <Bar counts={pod.instances ?? {}} asked={asked} />
      </span>
      <span role="cell" class="number">
        {pod.instances?.ready ?? 0}/{asked}
      </span>
      <span role="cell" class="number">
        <Age at={pod.version} />
      </span>
    </div>
  );
}
