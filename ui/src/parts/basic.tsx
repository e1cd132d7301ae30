// Small things that every page uses.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, message } from "../api";

export type Tone = "good" | "busy" | "bad" | "warn" | "idle";

const SHAPES: Record<Tone, string> = { good: "●", busy: "◐", bad: "✕", warn: "▲", idle: "○" };

/** A state: a word, and a shape that says the same as the colour. */
export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <span aria-hidden="true">{SHAPES[tone]}</span> {children}
    </span>
  );
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  if (!error) return null;
  const details = error instanceof ApiError ? error.details : [];
  return (
    <div class="note bad" role="alert">
      <p>
        <span aria-hidden="true">✕ </span>
        {message(error)}
      </p>
      {details.length > 0 && (
        <ul>
          {details.map((each) => (
            <li>
              <code>{each.path}</code> {each.errors.join("; ")}
            </li>
          ))}
        </ul>
      )}
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Note({ tone = "idle", children }: { tone?: Tone; children: ComponentChildren }) {
  return <div class={`note ${tone}`}>{children}</div>;
}

/** What to do where there is nothing yet. */
export function Empty({ title, command }: { title: string; command?: string }) {
  return (
    <div class="empty">
      <p>{title}</p>
      {command && <Command text={command} />}
    </div>
  );
}

/** A command line that does, or shows, the same. */
export function Command({ text }: { text: string }) {
  return (
    <span class="command">
      <code>{text}</code>
      <Copy text={text} label="Copy the command" />
    </span>
  );
}

export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("copied");
    } catch {
      setSaid("the browser does not allow it here");
    }
    setTimeout(() => setSaid(""), 2000);
  };
  return (
    <button type="button" class="quiet" title={label} aria-label={label} onClick={() => void copy()}>
      {said || "copy"}
    </button>
  );
}

export function Title({ children, command }: { children: ComponentChildren; command?: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  return (
    <div class="title">
      <h1 ref={heading} tabIndex={-1}>
        {children}
      </h1>
      {command && <Command text={command} />}
    </div>
  );
}

export function Tabs({
  tabs,
  current,
  to,
}: {
  tabs: [string, string][];
  current: string;
  to: (name: string) => string;
}) {
  return (
    <nav class="tabs" aria-label="Parts of this page">
      {tabs.map(([name, label]) => (
        <a href={to(name)} aria-current={name === current ? "page" : undefined}>
          {label}
        </a>
      ))}
    </nav>
  );
}

export interface Question {
  title: string;
  /** What follows, and what is lost. */
  consequence: ComponentChildren;
  verb: string;
  /** A number to ask for. */
  number?: { label: string; value: number; least: number };
  isDestructive?: boolean;
  act: (number: number) => Promise<unknown>;
}

/** Asks before something is changed, does it, and shows what went wrong. */
export function Confirm({ question, close }: { question: Question | undefined; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [number, setNumber] = useState(0);
  const [state, setState] = useState<{ busy: boolean; error?: unknown }>({ busy: false });
  useEffect(() => {
    if (!question) return;
    setNumber(question.number?.value ?? 0);
    setState({ busy: false });
    dialog.current?.showModal();
    return () => dialog.current?.close();
  }, [question]);
  if (!question) return null;
  const submit = async (event: Event) => {
    event.preventDefault();
    setState({ busy: true });
    try {
      await question.act(number);
      close();
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="question">
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="question">{question.title}</h2>
        <div>{question.consequence}</div>
        {question.number && (
          <label>
            {question.number.label}
            <input
              type="number"
              min={question.number.least}
              max={100_000}
              required
              value={number}
              onInput={(event) => setNumber(event.currentTarget.valueAsNumber)}
            />
          </label>
        )}
        <Failure error={state.error} />
        <div class="buttons">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class={question.isDestructive ? "destructive" : "primary"} disabled={state.busy}>
            {question.verb}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** A label with its value, for facts about one thing. */
export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {rows.map(([name, value]) =>
        value === undefined || value === null || value === "" ? null : (
          <div>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}
