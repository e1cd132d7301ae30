// Where is room? All agents with their resources.

import { useMemo, useRef, useState } from "preact/hooks";
import { message } from "../../api";
import { useKeys } from "../../keys";
import { Empty, Failure, Title } from "../../parts/basic";
import { Rows } from "../../parts/rows";
import { amount, NAMES, type Resource, room, Share } from "../../parts/share";
import { go, href, refine, type Route } from "../../route";
import type { Agent } from "../../types";
import { useAgents } from "./loading";
import { Problems, State, STATES } from "./state";

const ROW = 34; // pixels
const SHOWN: readonly Resource[] = ["cpus", "mem", "disk"];
const ORDERS: Record<string, [string, (agent: Agent) => number]> = {
  cpus: ["most free CPUs first", (agent) => -room(agent.resources.cpus)],
  mem: ["most free memory first", (agent) => -room(agent.resources.mem)],
  instances: ["most instances first", (agent) => -agent.instances.length],
};

function attributes(agent: Agent): string {
  return agent.attributes.map(({ name, text }) => `${name}=${text}`).join(", ");
}

function matches(agent: Agent, query: URLSearchParams): boolean {
  const text = query.get("text")?.toLowerCase();
  const state = query.get("state");
  if (state && agent.state !== state) return false;
  if (!text) return true;
  const said = [agent.hostname, agent.id, attributes(agent), ...agent.instances.map((each) => each.pod)];
  return said.some((each) => each.toLowerCase().includes(text));
}

function ordered(agents: Agent[], order: string | null): string[] {
  const by = order === null ? undefined : ORDERS[order]?.[1];
  return [...agents]
    .sort((a, b) => (by ? by(a) - by(b) : 0) || a.hostname.localeCompare(b.hostname) || a.id.localeCompare(b.id))
    .map((agent) => agent.id);
}

export function Agents({ route }: { route: Route }) {
  const { data, error, reload } = useAgents();
  const [isHovered, setHovered] = useState(false);
  const [selected, setSelected] = useState<number>();
  const order = useRef<string[]>([]);
  const filter = route.query.toString();
  const lastFilter = useRef(filter);

  const found = useMemo(() => (data?.agents ?? []).filter((agent) => matches(agent, route.query)), [data, filter]);
  // Nothing moves under the pointer: meanwhile rows keep their places, and new ones wait.
  if (!isHovered || lastFilter.current !== filter || order.current.length === 0) {
    order.current = ordered(found, route.query.get("order"));
    lastFilter.current = filter;
  }
  const byId = new Map(found.map((agent) => [agent.id, agent]));
  const rows = order.current.flatMap((id) => byId.get(id) ?? []);
  const hidden = found.length - rows.length;

  const at = useRef<number | undefined>(undefined); // keys may come faster than the page is drawn
  const move = (step: number) => {
    const next = (at.current ?? -1) + step;
    if (!rows[next]) return;
    at.current = next;
    setSelected(next);
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: () => {
      const agent = at.current === undefined ? undefined : rows[at.current];
      if (agent) go(href("agent", agent.id));
    },
  });
  return (
    <>
      <Title command="podexec agent list">Agents</Title>
      <Filter route={route} agents={data?.agents ?? []} />
      <Failure
        error={error && (data ? new Error(`${message(error)} What is shown may be out of date.`) : error)}
        retry={reload}
      />
      <Problems list={data} />
      <p class="summary" role="status">
        {data ? summary(found, data.agents.length) : !error && "Loading…"}
        {hidden > 0 && <strong> {hidden} new: shown when the pointer leaves the list</strong>}
      </p>
      {data?.agents.length === 0 && (
        <Empty title="No agent is known. Those of the cluster:" command="podexec agent list" />
      )}
      {data !== undefined && data.agents.length > 0 && found.length === 0 && (
        <Empty title="No agent matches the filter." />
      )}
      {rows.length > 0 && (
        <Rows
          kind="agents"
          label="Agents"
          rows={rows}
          height={ROW}
          columns={["Agent", "State", ...SHOWN.map((name) => `${NAMES[name]} free`), "Instances", "Attributes"]}
          keyOf={(agent) => agent.id}
          {...(selected !== undefined && { selected })}
          onHover={setHovered}
          render={(agent, index) => <AgentRow agent={agent} index={index} />}
        />
      )}
    </>
  );
}

function summary(found: Agent[], all: number): string {
  const sum = (name: Resource) => found.reduce((sum, agent) => sum + room(agent.resources[name]), 0);
  const words = [`${found.length === all ? "" : `${found.length} of `}${all} ${all === 1 ? "agent" : "agents"}`];
  const others = found.filter((agent) => agent.state !== "active").length;
  if (others) words.push(`${others} not active`);
  if (found.some((agent) => agent.resources.cpus))
    words.push(`${amount("cpus", sum("cpus"))} CPUs and ${amount("mem", sum("mem"))} of memory are free`);
  return words.join(", ");
}

function Filter({ route, agents }: { route: Route; agents: Agent[] }) {
  const states = STATES.filter((state) => agents.some((agent) => agent.state === state));
  const state = route.query.get("state") ?? "";
  return (
    <search class="filter">
      <label>
        <span class="hidden">Filter by name, attribute or pod</span>
        <input
          type="search"
          placeholder="Filter by name, attribute, pod  /"
          value={route.query.get("text") ?? ""}
          onInput={(event) => refine({ text: event.currentTarget.value })}
          onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
        />
      </label>
      <label>
        <span class="hidden">state</span>
        <select value={state} onChange={(event) => refine({ state: event.currentTarget.value })}>
          <option value="">any state</option>
          {(state && !states.includes(state) ? [state, ...states] : states).map((each) => (
            <option value={each}>{each}</option>
          ))}
        </select>
      </label>
      <label>
        <span class="hidden">order</span>
        <select
          value={route.query.get("order") ?? ""}
          onChange={(event) => refine({ order: event.currentTarget.value })}
        >
          <option value="">by name</option>
          {Object.entries(ORDERS).map(([name, [label]]) => (
            <option value={name}>{label}</option>
          ))}
        </select>
      </label>
    </search>
  );
}

function AgentRow({ agent, index }: { agent: Agent; index: number }) {
  return (
    <div role="row" aria-rowindex={index + 2} class="row">
      <span role="cell">
        <a href={href("agent", agent.id)} title={agent.id}>
          {agent.hostname}
        </a>
      </span>
      <span role="cell">
        <State agent={agent} />
      </span>
      {SHOWN.map((name) => (
        <span role="cell">
          <Share name={name} amounts={agent.resources[name]} />
        </span>
      ))}
      <span role="cell" class="number">
        {agent.instances.length}
      </span>
      <span role="cell" class="faint" title={attributes(agent)}>
        {attributes(agent)}
      </span>
    </div>
  );
}
