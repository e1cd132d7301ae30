// What a container says, and a way into it.

import { get, podPath } from "../../api";
import { Badge, Facts, Failure, Tabs, Title } from "../../parts/basic";
import { shortId } from "../../parts/ids";
import { href, type Route } from "../../route";
import { about, useLoaded, useMay } from "../../state";
import { Age } from "../../time";
import type { PodStatus } from "../../types";
import { containerOf, Endings } from "../pod/endings";
import { stateOfContainer } from "../pod/instances";
import { Environment } from "./environment";
import { Files } from "./files";
import { Log } from "./log";
import { Shell } from "./shell";

export function Container({ route }: { route: Route }) {
  const { id } = route;
  const instanceId = route.query.get("instance") ?? "";
  const name = route.query.get("container") ?? "";
  const may = useMay(id);
  const {
    data: pod,
    error,
    reload,
  } = useLoaded((signal) => get<PodStatus>(podPath(id, "::status"), { embed: "podexec" }, signal), [id], about(id));
  if (!may)
    return (
      <>
        <Title>{name}</Title>
        <p role="status">Loading…</p>
      </>
    );
  const tabs: [string, string][] = [
    ...(may("logs") ? [["log", "Log"] as [string, string]] : []),
    ...(may("exec") ? [["shell", "Shell"] as [string, string]] : []),
    ...(may("files") ? [["files", "Files"] as [string, string]] : []),
    ["environment", "Environment"],
    ["ends", "Earlier runs"],
  ];
  const tab = route.query.get("tab") ?? tabs[0]?.[0] ?? "";
  const instance = pod?.instances?.find((each) => each.id === instanceId);
  const container = instance?.containers?.find((each) => each.name === name);
  const defined = pod?.spec.containers.find((each) => each.name === name);
  const state = container && stateOfContainer(container);
  const of = { pod: id, instance: instanceId, container: name };
  const isKnown = tabs.some(([each]) => each === tab);
  return (
    <>
      <p class="trail">
        <a href={href("pods")}>Pods</a> / <a href={href("pod", id)}>{id}</a> /{" "}
        <code title={instanceId}>{shortId(instanceId)}</code>
      </p>
      <Title>
        {name} {state && <Badge tone={state.tone}>{state.word}</Badge>}
      </Title>
      <Failure error={error} retry={reload} />
      {pod && !container && (
        <p class="note warn">▲ This instance is gone. What is left of its output and files may still be there.</p>
      )}
      {container && (
        <Facts
          rows={[
            ["Since", <Age at={container.statusSince} />],
            ["Agent", instance?.agentId && <a href={href("agent", instance.agentId)}>{instance.agentHostname}</a>],
            ["Restarts in place", container.podexec?.restarts ? String(container.podexec.restarts) : ""],
            ["CPUs", container.resources?.cpus?.toString()],
            ["MiB", container.resources?.mem?.toString()],
            ["Message", container.message],
            ...(container.podexec?.checks ?? []).map((each): [string, string] => [
              each.check,
              `${each.passed ? "● passed" : "✕ failed"}${each.result ? `: ${each.result}` : ""}`,
            ]),
          ]}
        />
      )}
      <Tabs
        tabs={tabs}
        current={tab}
        to={(each) => href("container", id, { instance: instanceId, container: name, tab: each })}
      />
      {isKnown && tab === "log" && <Log {...of} />}
      {isKnown && tab === "shell" && <Shell {...of} />}
      {isKnown && tab === "files" && (
        <Files key={route.query.get("path") ?? ""} {...of} path={route.query.get("path") ?? ""} />
      )}
      {tab === "environment" && pod && <Environment variables={{ ...pod.spec.environment, ...defined?.environment }} />}
      {tab === "ends" && pod && (
        <Endings
          id={id}
          ends={(pod.terminationHistory ?? []).flatMap((end) => {
            const containers = end.containers?.filter((each) => containerOf(each.containerId) === name) ?? [];
            return containers.length ? [{ ...end, containers }] : [];
          })}
          otherwise="No earlier run has ended, as far as the scheduler remembers."
        />
      )}
    </>
  );
}
