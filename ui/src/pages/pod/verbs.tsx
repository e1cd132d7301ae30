// What one can do with a pod; each says first what follows.

import { useState } from "preact/hooks";
import { get, podPath, request } from "../../api";
import { Confirm, Failure, type Question } from "../../parts/basic";
import { Planned } from "../../parts/plan";
import { go, href } from "../../route";
import type { Definition, PodStatus } from "../../types";

/** Change a pod, unless somebody else has changed it since `version`. */
export async function put(definition: Definition, version: string | undefined): Promise<void> {
  const { version: _, ...content } = definition;
  const headers: Record<string, string> = version ? { "If-Match": `"${version}"` } : {};
  await request(podPath(definition.id), { method: "PUT", json: content, headers });
}

function scaled(spec: Definition, instances: number): Definition {
  return { ...spec, scaling: { ...spec.scaling, instances } };
}

/** The last number of instances above zero, among the latest versions. */
async function lastNumber(id: string): Promise<number> {
  const versions = await get<string[]>(podPath(id, "::versions"));
  for (const version of versions.reverse().slice(0, 10)) {
    const { scaling } = await get<Definition>(podPath(id, `::versions/${encodeURIComponent(version)}`));
    if (scaling?.instances) return scaling.instances;
  }
  return 1;
}

export function Verbs({ pod, changed }: { pod: PodStatus; changed: () => void }) {
  const [question, setQuestion] = useState<Question>();
  const [error, setError] = useState<unknown>();
  const { spec } = pod;
  const asked = spec.scaling?.instances ?? 1;
  const scale = (instances: number) => put(scaled(spec, instances), spec.version).then(changed);
  const start = async () => {
    try {
      const number = await lastNumber(pod.id);
      setQuestion({
        title: `Start ${pod.id}?`,
        consequence: "Instances of the current version are launched.",
        number: { label: "Instances ", value: number, least: 1 },
        verb: "Start",
        act: scale,
      });
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <>
      <div class="buttons">
        <button
          type="button"
          onClick={() =>
            setQuestion({
              title: `Scale ${pod.id}`,
              consequence: "No running instance is restarted. If there are fewer, the surplus ones are ended.",
              number: { label: "Instances ", value: asked, least: 0 },
              verb: "Scale",
              act: scale,
            })
          }
        >
          Scale…
        </button>
        {asked > 0 && (
          <button
            type="button"
            onClick={() =>
              setQuestion({
                title: `Restart ${pod.id}?`,
                consequence: `All ${asked} instances are replaced by new ones of the same definition, as its upgrade strategy allows.`,
                verb: "Restart",
                act: () => request(podPath(pod.id, "::restart"), { method: "POST" }).then(changed),
              })
            }
          >
            Restart…
          </button>
        )}
        <a class="button" href={href("edit", pod.id)}>
          Edit…
        </a>
        {asked > 0 ? (
          <button
            type="button"
            onClick={() =>
              setQuestion({
                title: `Stop ${pod.id}?`,
                consequence: `All ${asked} instances end. The definition stays, and “Start” brings them back.`,
                verb: "Stop",
                isDestructive: true,
                act: () => scale(0),
              })
            }
          >
            Stop…
          </button>
        ) : (
          <button type="button" onClick={() => void start()}>
            Start…
          </button>
        )}
        <button
          type="button"
          onClick={() =>
            setQuestion({
              title: `Remove ${pod.id}?`,
              consequence: "All instances end; the definition, its versions and the volumes kept for the pod are gone.",
              verb: "Remove",
              isDestructive: true,
              act: () => request(podPath(pod.id), { method: "DELETE" }).then(() => go(href("pods"))),
            })
          }
        >
          Remove…
        </button>
      </div>
      <Failure error={error} />
      <Confirm question={question} close={() => setQuestion(undefined)} />
    </>
  );
}

/** Ask before a pod goes back to an earlier version; its plan is shown first. */
export function rollbackTo(earlier: Definition, current: Definition, changed: () => void): Question {
  const { version, ...wanted } = earlier;
  return {
    title: `Roll ${current.id} back?`,
    consequence: (
      <>
        <p>To the definition of {version}, as a new version.</p>
        <Planned definition={wanted as Definition} otherwise="Instances are replaced as the upgrade strategy allows." />
      </>
    ),
    verb: "Roll back",
    act: () => put(earlier, current.version).then(changed),
  };
}
