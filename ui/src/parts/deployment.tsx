// A running deployment: how far it is, what it waits for, and what one can do about it.

import { useState } from "preact/hooks";
import { request } from "../api";
import { href } from "../route";
import { Age, Left } from "../time";
import type { Deployment } from "../types";
import { Badge, Confirm, type Question } from "./basic";
import { shortId } from "./ids";

export function DeploymentCard({
  deployment,
  mayOperate,
  done,
}: {
  deployment: Deployment;
  mayOperate: boolean;
  done: () => void;
}) {
  const [question, setQuestion] = useState<Question>();
  const { id, podexec: extra = {} } = deployment;
  const change =
    (method: string, suffix: string, query = {}) =>
    async () => {
      await request(`v2/deployments/${encodeURIComponent(id)}${suffix}`, { method, query });
      done();
    };
  const step = deployment.currentStep; // the first is 1
  return (
    <section class="card" aria-label={`Deployment ${id}`}>
      <div class="title">
        <Badge tone={extra.paused ? "idle" : "busy"}>{extra.paused ? "paused" : "deploying"}</Badge>
        <strong>
          step {step} of {deployment.totalSteps}
        </strong>
        <progress max={deployment.totalSteps} value={step - 1} aria-label="Steps done" />
        <span class="faint">
          since <Age at={deployment.version} />
        </span>
        {extra.reverts && <span class="faint">rolls back {extra.reverts.slice(0, 8)}</span>}
        {extra.batchSize && <span class="faint">in batches of {extra.batchSize}</span>}
        {extra.deadline && !extra.paused && (
          <span class="faint">
            rolls back in <Left until={extra.deadline} />
          </span>
        )}
        <code class="faint" title={id}>
          {id.slice(0, 8)}
        </code>
      </div>
      <ol class="steps">
        {deployment.steps.map((each, index) => (
          <li class={index < step - 1 ? "done" : index === step - 1 ? "now" : ""}>
            <span aria-hidden="true">{index < step - 1 ? "●" : index === step - 1 ? "◐" : "○"} </span>
            <span class="hidden">{index < step - 1 ? "done: " : index === step - 1 ? "now: " : "later: "}</span>
            {each.actions.map((action) => (
              <span class="action">
                {VERBS[action.action] ?? action.action} <a href={href("pod", action.pod)}>{action.pod}</a>
              </span>
            ))}
          </li>
        ))}
      </ol>
      {deployment.currentActions.map((action) => {
        const { waitingFor = [], ending = [], notEnding = [] } = action.podexec ?? {};
        return (
          <>
            {waitingFor.length > 0 && (
              <p>
                {action.pod} waits until {waitingFor.join(", ")} {waitingFor.length === 1 ? "is" : "are"} ready.
              </p>
            )}
            {ending.length > 0 && (
              <p class="faint">
                Ending:{" "}
                {ending.map((each) => `${shortId(each.instance)}${each.agent ? ` on ${each.agent}` : ""}`).join(", ")}
              </p>
            )}
            {notEnding.map((each) => (
              <p class="note warn">
                ▲ {shortId(each.id)}: {each.message}
              </p>
            ))}
          </>
        );
      })}
      {mayOperate && (
        <div class="buttons">
          <button type="button" onClick={() => void change("POST", extra.paused ? "/resume" : "/pause")()}>
            {extra.paused ? "Resume" : "Pause"}
          </button>
          <button
            type="button"
            onClick={() =>
              setQuestion({
                title: "Roll back this deployment?",
                consequence:
                  "Another deployment removes the pods that this one added, and restores the previous version of those that it changed.",
                verb: "Roll back",
                act: change("DELETE", ""),
              })
            }
          >
            Roll back…
          </button>
          <button
            type="button"
            onClick={() =>
              setQuestion({
                title: "Stop this deployment?",
                consequence:
                  "What it has changed so far stays as it is: old and new instances may run side by side until the next change.",
                verb: "Stop",
                isDestructive: true,
                act: change("DELETE", "", { force: true }),
              })
            }
          >
            Stop…
          </button>
        </div>
      )}
      <Confirm question={question} close={() => setQuestion(undefined)} />
    </section>
  );
}

const VERBS: Record<string, string> = { StartPod: "start", ScalePod: "scale", RestartPod: "restart", StopPod: "stop" };
