// What is moving, and is it stuck?

import { get } from "../api";
import { DeploymentCard } from "../parts/deployment";
import { Empty, Failure, Title } from "../parts/basic";
import { useLoaded } from "../state";
import type { Deployment, Session } from "../types";

const PERIOD = 10_000; // milliseconds; what a deployment waits for changes without events

export function Deployments() {
  const { data, error, reload } = useLoaded(
    async (signal) => {
      const found = await get<Deployment[]>("v2/deployments", { embed: "podexec" }, signal);
      const pods = [...new Set(found.flatMap((each) => each.affectedPods))];
      const sessions = await Promise.all(
        pods.slice(0, MOST_ASKED).map((pod) => get<Session>("session", { pod }, signal)),
      );
      const operable = new Set(pods.filter((_, index) => sessions[index]?.permissions.includes("operate")));
      return { found, operable };
    },
    [],
    (event) => event.kind.startsWith("deployment_") || event.kind.startsWith("pod_"),
    PERIOD,
  );
  return (
    <>
      <Title command="podexec deployment list">Deployments</Title>
      <Failure error={error} retry={reload} />
      {!data && !error && <p role="status">Loading…</p>}
      {data?.found.length === 0 && (
        <Empty title="No deployment is running. A change starts one:" command="podexec pod update FILE --wait" />
      )}
      {data?.found.map((each) => (
        <DeploymentCard
          key={each.id}
          deployment={each}
          mayOperate={each.affectedPods.every((pod) => data.operable.has(pod))}
          done={reload}
        />
      ))}
    </>
  );
}

const MOST_ASKED = 20; // pods whose permissions are asked for; others are shown without buttons
