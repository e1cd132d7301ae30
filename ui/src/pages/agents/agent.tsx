// What would a drain hit? One agent: its resources, its state, and the instances there.

import { Badge, Empty, Facts, Failure, Title, type Tone } from "../../parts/basic";
import { shortId } from "../../parts/ids";
import { Rows } from "../../parts/rows";
import { NAMES, RESOURCES, Share } from "../../parts/share";
import { href, type Route } from "../../route";
import { Age } from "../../time";
import type { Agent as Shown, AgentInstance } from "../../types";
import { useAgents } from "./loading";
import { Explained, Problems, State } from "./state";

const ROW = 34; // pixels
const SAFE = /^\w[\w.:-]*$/; // means itself in every shell: the address may be anybody's
const TONES: Record<string, Tone> = {
  ready: "good",
  starting: "busy",
  unhealthy: "bad",
  unreachable: "warn",
  waiting: "warn",
};

export function Agent({ route }: { route: Route }) {
  const id = route.id.slice(1);
  const { data, error, reload } = useAgents();
  const agent = data?.agents.find((each) => each.id === id);
  return (
    <>
      <p class="trail">
        <a href={href("agents")}>Agents</a>
      </p>
      <Title {...(SAFE.test(id) && { command: `podexec agent show ${id}` })}>{agent?.hostname ?? id}</Title>
      <Failure error={error} retry={reload} />
      <Problems list={data} />
      {!data && !error && <p role="status">Loading…</p>}
      {data && !agent && <Empty title={`No agent has the id ${id}, or no longer.`} command="podexec agent list" />}
      {agent && <Details agent={agent} />}
    </>
  );
}

function Details({ agent }: { agent: Shown }) {
  return (
    <>
      <p>
        <State agent={agent} />
      </p>
      <Explained agent={agent} />
      <Facts
        rows={[
          ["Id", <code>{agent.id}</code>],
          ["Address", agent.address],
          ["Region", agent.region],
          ["Zone", agent.zone],
          ["Mesos", agent.version],
          ["Registered", agent.registeredAt && <Age at={agent.registeredAt} suffix=" ago" />],
          ...agent.attributes.map(({ name, text }): [string, string] => [name, text]),
        ]}
      />
      <section aria-labelledby="resources">
        <h2 id="resources">Resources</h2>
        <dl class="shares">
          {RESOURCES.filter((name) => agent.resources[name]).map((name) => (
            <div>
              <dt>{NAMES[name]}</dt>
              <dd>
                <Share name={name} amounts={agent.resources[name]} long />
              </dd>
            </div>
          ))}
        </dl>
        {Object.keys(agent.resources).length === 0 && <p class="faint">They are not known.</p>}
      </section>
      <section aria-labelledby="impact">
        <h2 id="impact">What a drain hits</h2>
        <p>{impact(agent.instances)}</p>
        {agent.instances.length > 0 && (
          <Rows
            kind="placed"
            label="Instances on this agent"
            rows={agent.instances}
            height={ROW}
            columns={["Pod", "Instance", "State", ""]}
            keyOf={(instance) => instance.id}
            render={(instance, index) => <InstanceRow instance={instance} index={index} />}
          />
        )}
      </section>
    </>
  );
}

function impact(instances: AgentInstance[]): string {
  if (!instances.length) return "Nothing of podexec that you may see: no instance is on it.";
  const pods = new Set(instances.map((each) => each.pod)).size;
  const bound = instances.filter((each) => each.hasVolumes).length;
  const words = `${instances.length} ${instances.length === 1 ? "instance" : "instances"} of ${pods} ${pods === 1 ? "pod" : "pods"}.`;
  return bound ? `${words} ${bound} with volumes here can run nowhere else.` : words;
}

function InstanceRow({ instance, index }: { instance: AgentInstance; index: number }) {
  return (
    <div role="row" aria-rowindex={index + 2} class="row">
      <span role="cell">
        <a href={href("pod", instance.pod)}>{instance.pod}</a>
      </span>
      <span role="cell" title={instance.id}>
        <code>{shortId(instance.id)}</code>
      </span>
      <span role="cell">
        {instance.state && <Badge tone={TONES[instance.state] ?? "idle"}>{instance.state}</Badge>}
      </span>
      <span role="cell" class="faint">
        {instance.message ?? (instance.hasVolumes ? "its volumes are here" : "")}
      </span>
    </div>
  );
}
