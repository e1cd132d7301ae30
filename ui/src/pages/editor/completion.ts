// Completes names and values of a definition by its JSON Schema.

import {
  type Completion,
  type CompletionContext,
  type CompletionResult,
  pickedCompletion,
  startCompletion,
} from "@codemirror/autocomplete";
import type { EditorView } from "codemirror";
import { get, type Json } from "../../api";
import { toYaml } from "../../parts/yaml";
import { placeIn } from "./block";
import { Flow, type Place } from "./flow";
import type { Form } from "./read";
import { membersAt, type Schema, type Suggestion, valuesAt } from "./schema";

let schema: Promise<Schema | undefined> | undefined;

/** The schema; undefined: the scheduler did not answer, and is asked again next time. */
function theSchema(): Promise<Schema | undefined> {
  schema ??= get<Schema>("v2/schemas/pod").catch(() => (schema = undefined));
  return schema;
}

const WORD = /["']?[\w./@*-]*$/;
const LONGEST_WORD = 100;
const LONGEST_TEXT = 256 * 1024; // which is read up to the cursor for each key

export function completer(form: Form) {
  return async ({ state, pos, explicit }: CompletionContext): Promise<CompletionResult | null> => {
    const line = state.doc.lineAt(pos);
    const typed = WORD.exec(line.text.slice(Math.max(0, pos - LONGEST_WORD - line.from), pos - line.from))?.[0] ?? "";
    if (pos > LONGEST_TEXT || (typed ? typed.startsWith("-") : !explicit)) return null;
    const from = pos - typed.length;
    const text = state.doc.sliceString(0, from);
    const place = form === "JSON" ? new Flow(text).place() : placeIn(text);
    const known = place && (await theSchema());
    if (!known) return null;
    const writer = new Writer(form, place, typed.startsWith('"') || typed.startsWith("'") ? typed.charAt(0) : "");
    return {
      from,
      options: [
        ...(place.expects === "value"
          ? []
          : membersAt(known, place.steps, place.names).map((each) => writer.member(each))),
        ...(place.expects === "member" ? [] : valuesAt(known, place.steps).map((each) => writer.value(each))),
      ],
      validFor: new RegExp(`^${WORD.source}`),
    };
  };
}

/** Writes what was chosen. */
class Writer {
  constructor(
    private readonly form: Form,
    private readonly place: Place,
    /** What the word begins with; a second one may be behind it already. */
    private readonly quote: string,
  ) {}

  member(suggestion: Suggestion): Completion {
    const label = this.text(suggestion.value);
    return {
      ...described(suggestion, "property"),
      label,
      apply: (view, completion, from, to) => {
        const { end, next } = this.behind(view, to);
        const rest = /^\s*:/.test(next) ? ["", ""] : this.opened(suggestion, from - view.state.doc.lineAt(from).from);
        insert(view, completion, from, end, label + rest[0], rest[1]);
        if (suggestion.hasChoices) startCompletion(view);
      },
    };
  }

  value(suggestion: Suggestion): Completion {
    const label = this.text(suggestion.value);
    return {
      ...described(suggestion, "enum"),
      label,
      apply: (view, completion, from, to) => insert(view, completion, from, this.behind(view, to).end, label),
    };
  }

  private text(value: Json): string {
    if (this.form === "JSON" || this.quote === '"') return JSON.stringify(value);
    return this.quote ? `'${value}'` : toYaml(value).trimEnd();
  }

  /** What follows a name: before the cursor, and behind it. */
  private opened({ kind }: Suggestion, column: number): [string, string] {
    const isBlock = !this.place.isInBrackets;
    const indent = `\n${" ".repeat(column + 2)}`;
    if (kind === "object") return isBlock ? [`:${indent}`, ""] : [": {", "}"];
    if (kind === "list") return isBlock ? [`:${indent}- `, ""] : [": [", "]"];
    return kind === "string" && this.form === "JSON" ? [': "', '"'] : [": ", ""];
  }

  private behind(view: EditorView, to: number): { end: number; next: string } {
    const line = view.state.doc.lineAt(to);
    const rest = line.text.slice(to - line.from);
    const closing = this.quote && rest.startsWith(this.quote) ? 1 : 0;
    return { end: to + closing, next: rest.slice(closing) };
  }
}

function described({ detail, info }: Suggestion, type: string): Omit<Completion, "label"> {
  return { type, ...(detail && { detail }), ...(info && { info }) };
}

function insert(view: EditorView, completion: Completion, from: number, to: number, before: string, behind = ""): void {
  view.dispatch({
    changes: { from, to, insert: before + behind },
    selection: { anchor: from + before.length },
    scrollIntoView: true,
    userEvent: "input.complete",
    annotations: pickedCompletion.of(completion),
  });
}
