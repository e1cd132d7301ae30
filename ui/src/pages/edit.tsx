// Will this work, and what will it do? A definition is written, checked, planned, and submitted.

import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get, podPath, request } from "../api";
import { Confirm, Failure, Note, type Question, Title } from "../parts/basic";
import { Diff, differences } from "../parts/diff";
import { Plan, planOf, type PlanView } from "../parts/plan";
import { toYaml } from "../parts/yaml";
import { go, href, refine, type Route } from "../route";
import type { Definition, Info } from "../types";
import { Editor, type EditorHandle } from "./editor/editor";
import { type Finding, type Form, read, type Reading } from "./editor/read";
import { put } from "./pod/verbs";

const TEMPLATE: Definition = {
  id: "/hello",
  scaling: { kind: "fixed", instances: 1 },
  networks: [{ mode: "host" }],
  containers: [
    {
      name: "web",
      resources: { cpus: 0.1, mem: 32 },
      exec: { command: { shell: "exec python3 -m http.server $ENDPOINT_HTTP" } },
      endpoints: [{ name: "http", protocol: ["tcp"] }],
    },
  ],
};

const FORMS: readonly Form[] = ["JSON", "YAML"];

interface Start {
  text: string;
  form: Form;
  /** The pod as it was when the text was first shown. */
  current?: Definition;
}

interface Checked {
  definition: Definition;
  reading: Reading;
  plan: PlanView | undefined;
}

/** What was written on pages that were left, by pod: until the browser's tab is closed. */
const drafts = new Map<string, Start>();

function written(definition: Definition, form: Form): string {
  return form === "JSON" ? JSON.stringify(definition, null, 2) : toYaml(definition);
}

function error(path: string, message: string, line: number): Finding {
  return { path, error: message, line, severity: "error" };
}

/** Whether the scheduler refuses repeated keys, which it cannot see in what it is sent. */
async function isStrict(): Promise<boolean> {
  const { podexec } = await get<Info>("v2/info");
  return podexec?.config?.strict_definitions === true;
}

export function Edit({ route }: { route: Route }) {
  const { id } = route;
  const editor = useRef<EditorHandle | null>(null);
  const [start, setStart] = useState<Start | undefined>(drafts.get(id));
  const [isRestored, setRestored] = useState(drafts.has(id));
  const [isChanged, setChanged] = useState(drafts.has(id));
  const [failure, setFailure] = useState<unknown>();
  const [problems, setProblems] = useState<readonly Finding[]>([]);
  const [checked, setChecked] = useState<Checked>();
  const [question, setQuestion] = useState<Question>();
  const [isBusy, setBusy] = useState(false);
  const load = async () => {
    const form = route.query.get("form") === "yaml" ? "YAML" : "JSON";
    if (!id) return setStart({ text: written(TEMPLATE, form), form });
    const current = await get<Definition>(podPath(id));
    const { version: _, ...shown } = current;
    setStart({ text: written(shown as Definition, form), form, current });
  };
  useEffect(() => {
    if (!start) load().catch(setFailure);
  }, [start]);
  useKept(id, isChanged && start ? () => ({ ...start, text: editor.current?.text() ?? start.text }) : undefined);

  const reset = () => {
    setChecked(undefined);
    setProblems([]);
    setFailure(undefined);
  };
  const fail = (problem: unknown, { line }: Reading) => {
    if (problem instanceof ApiError && problem.details.length)
      setProblems(problem.details.flatMap(({ path, errors }) => errors.map((each) => error(path, each, line(path)))));
    else setFailure(problem);
  };
  const check = async (form: Form) => {
    const reading = read(editor.current?.text() ?? "", form);
    const { definition, findings, line } = reading;
    reset();
    if (!definition) return setProblems(findings);
    if (typeof definition.id !== "string" || !definition.id)
      return setProblems([error("/id", "A definition needs an id, such as /web", line("/id"))]);
    if (id && definition.id !== id)
      return setProblems([error("/id", `The id must stay ${id}: another id is another pod`, line("/id"))]);
    setBusy(true);
    try {
      if (findings.length && (await isStrict())) setProblems(findings);
      else setChecked({ definition, reading, plan: await planOf(definition) });
    } catch (problem) {
      fail(problem, reading);
    }
    setBusy(false);
  };
  const submit = async ({ definition, reading }: Checked) => {
    setBusy(true);
    setFailure(undefined);
    try {
      if (id) await put(definition, start?.current?.version);
      else await request("v2/pods", { method: "POST", json: definition });
      setChanged(false);
      go(href("pod", definition.id));
    } catch (problem) {
      fail(problem, reading);
      setBusy(false);
    }
  };
  const turn = (from: Start, form: Form) => {
    const { definition, findings, hasComments } = read(editor.current?.text() ?? from.text, from.form);
    reset();
    if (!definition) return setProblems(findings);
    const act = async () => {
      setStart({ ...from, text: written(definition, form), form });
      refine({ form: form === "YAML" ? "yaml" : undefined });
    };
    if (!hasComments) return void act();
    setQuestion({
      title: `Show it as ${form}?`,
      consequence: "The comments are lost.",
      verb: "Lose the comments",
      act,
    });
  };
  if (!start)
    return (
      <>
        <Title>{id}</Title>
        {failure ? <Failure error={failure} /> : <p role="status">Loading…</p>}
      </>
    );
  return (
    <>
      <Title command={id ? "podexec pod update FILE" : "podexec pod add FILE"}>{id ? `Edit ${id}` : "New pod"}</Title>
      {isRestored && (
        <Note tone="warn">
          <p>▲ This is what you wrote before you left the page; it is not submitted.</p>
          <button
            type="button"
            onClick={() => {
              drafts.delete(id);
              setRestored(false);
              setChanged(false);
              reset();
              setStart(undefined);
            }}
          >
            Discard it
          </button>
        </Note>
      )}
      <div class="buttons">
        {FORMS.map((each) => (
          <button
            type="button"
            aria-pressed={start.form === each}
            onClick={() => each !== start.form && turn(start, each)}
          >
            {each}
          </button>
        ))}
      </div>
      <Editor
        initial={start.text}
        form={start.form}
        problems={problems}
        handle={editor}
        changed={() => {
          setChanged(true);
          setChecked(undefined);
        }}
      />
      {problems.length > 0 && (
        <div class="note bad" role="alert">
          <p>
            <span aria-hidden="true">✕ </span>
            {problems.length === 1 ? "1 problem" : `${problems.length} problems`}
          </p>
          <ul>
            {problems.map((each) => (
              <li>
                <button type="button" class="link" onClick={() => editor.current?.show(each.line)}>
                  line {each.line}
                </button>{" "}
                <code>{each.path}</code> {each.error}
              </li>
            ))}
          </ul>
        </div>
      )}
      <Failure error={failure} />
      {checked && (
        <section aria-label="What it will do">
          <h2>What it will do</h2>
          {checked.plan ? (
            <Plan plan={checked.plan} />
          ) : start.current ? (
            <Diff
              rows={differences(start.current, checked.definition).map(({ path, before, after }) => ({
                path,
                ...(before && { before }),
                ...(after && { after }),
              }))}
            />
          ) : (
            <Note tone="busy">
              <p>{checked.definition.id} is created.</p>
            </Note>
          )}
        </section>
      )}
      <div class="buttons">
        <button type="button" class={checked ? "" : "primary"} disabled={isBusy} onClick={() => void check(start.form)}>
          Check and plan
        </button>
        {checked && (
          <button type="button" class="primary" disabled={isBusy} onClick={() => void submit(checked)}>
            {id ? "Update the pod" : "Create the pod"}
          </button>
        )}
        <a class="button" href={id ? href("pod", id) : href("pods")}>
          Cancel
        </a>
      </div>
      <Confirm question={question} close={() => setQuestion(undefined)} />
    </>
  );
}

function ask(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

/** Whether the browser asks before it closes the page, or loads it again. */
function askBeforeLeaving(isAsked: boolean): void {
  if (isAsked) addEventListener("beforeunload", ask);
  else removeEventListener("beforeunload", ask);
}

/** Keeps a text that was changed and not submitted: for when the page comes back. The browser asks before it is lost. */
function useKept(id: string, draft: (() => Start) | undefined): void {
  const last = useRef(draft);
  last.current = draft;
  useEffect(
    () => () => {
      if (last.current) drafts.set(id, last.current());
      else drafts.delete(id);
      askBeforeLeaving(drafts.size > 0);
    },
    [id],
  );
  useEffect(() => askBeforeLeaving(draft !== undefined || drafts.size > 0), [!draft]);
}
