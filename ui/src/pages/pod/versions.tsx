// The versions of a pod: who made them, what differs, and the way back.

import { useState } from "preact/hooks";
import { get, podPath } from "../../api";
import { Confirm, Failure, type Question } from "../../parts/basic";
import { Diff, differences } from "../../parts/diff";
import { about, useLoaded } from "../../state";
import { Age } from "../../time";
import type { Definition, HistoryEntry, PodStatus } from "../../types";
import { rollbackTo } from "./verbs";

export function Versions({ pod, mayOperate, changed }: { pod: PodStatus; mayOperate: boolean; changed: () => void }) {
  const current = pod.spec.version ?? "";
  const { data, error } = useLoaded(
    async (signal) => {
      const versions = await get<string[]>(podPath(pod.id, "::versions"), {}, signal);
      const history = await get<HistoryEntry[]>(podPath(pod.id, "::history"), {}, signal);
      return { versions: versions.reverse(), history: new Map(history.map((each) => [each.version, each])) };
    },
    [pod.id, current],
    about(pod.id),
  );
  const [chosen, setChosen] = useState<{ before?: string; after?: string }>({});
  const [question, setQuestion] = useState<Question>();
  const [failure, setFailure] = useState<unknown>();
  const after = chosen.after ?? current;
  const versions = data?.versions ?? [];
  const before = chosen.before ?? versions[versions.indexOf(after) + 1];
  const rollBack = async (version: string) => {
    try {
      setFailure(undefined);
      setQuestion(rollbackTo(await definition(pod.id, version), pod.spec, changed));
    } catch (problem) {
      setFailure(problem);
    }
  };
  if (!data) return error ? <Failure error={error} /> : <p role="status">Loading…</p>;
  return (
    <>
      <Failure error={failure} />
      <div class="scroll">
        <table class="list">
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">Age</th>
              <th scope="col">Change</th>
              <th scope="col">By</th>
              <th scope="col">Compare</th>
              <th scope="col">
                <span class="hidden">Roll back</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {versions.map((version) => {
              const entry = data.history.get(version);
              return (
                <tr key={version}>
                  <th scope="row">
                    <code>{version}</code> {version === current && <strong>current</strong>}
                  </th>
                  <td>
                    <Age at={version} />
                  </td>
                  <td>{entry?.action}</td>
                  <td>{entry?.user ?? entry?.clientIp}</td>
                  <td>
                    <label>
                      <input
                        type="radio"
                        name="before"
                        checked={version === before}
                        onChange={() => setChosen({ ...chosen, before: version })}
                      />{" "}
                      before
                    </label>{" "}
                    <label>
                      <input
                        type="radio"
                        name="after"
                        checked={version === after}
                        onChange={() => setChosen({ ...chosen, after: version })}
                      />{" "}
                      after
                    </label>
                  </td>
                  <td>
                    {mayOperate && version !== current && (
                      <button
                        type="button"
                        aria-label={`Roll back to ${version}`}
                        onClick={() => void rollBack(version)}
                      >
                        Roll back…
                      </button>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <h2>What differs</h2>
      {before ? (
        <Compared id={pod.id} before={before} after={after} />
      ) : (
        <p class="faint">There is no earlier version to compare with.</p>
      )}
      <Confirm question={question} close={() => setQuestion(undefined)} />
    </>
  );
}

async function definition(id: string, version: string, signal?: AbortSignal): Promise<Definition> {
  return get<Definition>(podPath(id, `::versions/${encodeURIComponent(version)}`), {}, signal);
}

function Compared({ id, before, after }: { id: string; before: string; after: string }) {
  const { data, error } = useLoaded(
    async (signal) => differences(await definition(id, before, signal), await definition(id, after, signal)),
    [id, before, after],
  );
  if (error) return <Failure error={error} />;
  return data ? (
    <Diff
      rows={data.map(({ path, before, after }) => ({ path, ...(before && { before }), ...(after && { after }) }))}
    />
  ) : null;
}
