// The editor itself: CodeMirror with what it is told of a definition.

import { autocompletion } from "@codemirror/autocomplete";
import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, linter, lintGutter } from "@codemirror/lint";
import { type Extension, StateEffect } from "@codemirror/state";
import { tags } from "@lezer/highlight";
import { basicSetup, EditorView } from "codemirror";
import { isDark } from "../../theme";
import { completer } from "./completion";
import { type Finding, type Form, read } from "./read";

/** Other problems are to be shown. */
const renewed = StateEffect.define<null>();

const LANGUAGES: Record<Form, () => Extension> = { JSON: json, YAML: yaml };

export function open(box: HTMLElement, text: string, form: Form, changed: () => void) {
  const root = box.shadowRoot ?? box.attachShadow({ mode: "open" });
  let reported: readonly Finding[] = []; // by the scheduler, until the text is changed
  const found = ({ state: { doc } }: EditorView): Diagnostic[] =>
    [...read(doc.toString(), form).findings, ...reported].map(({ line, path, error, severity }) => {
      const { from, to } = doc.line(Math.max(1, Math.min(line, doc.lines)));
      return { from, to, severity, message: path === "/" ? error : `${path}: ${error}` };
    });
  const view = new EditorView({
    doc: text,
    root,
    parent: root,
    extensions: [
      basicSetup,
      LANGUAGES[form](),
      linter(found, {
        needsRefresh: ({ transactions }) =>
          transactions.some(({ effects }) => effects.some((each) => each.is(renewed))),
      }),
      syntaxHighlighting(COLOURS),
      EditorView.lineWrapping,
      lintGutter(),
      autocompletion({ override: [completer(form)] }),
      EditorView.contentAttributes.of({ "aria-label": `Definition in ${form}` }),
      EditorView.theme(
        {
          "&": { color: "var(--text)", backgroundColor: "var(--raised)", fontSize: "13px" },
          ".cm-content": { fontFamily: "var(--mono)", caretColor: "var(--text)" },
          ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--faint)", border: "none" },
          ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--sunken)" },
          "&.cm-focused": { outline: "2px solid var(--link)" },
          ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line)" },
        },
        { dark: isDark() },
      ),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        reported = [];
        changed();
      }),
    ],
  });
  const mark = (findings: readonly Finding[]) => {
    reported = findings;
    view.dispatch({ effects: renewed.of(null) });
  };
  return { view, mark };
}

const COLOURS = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--link)" },
  { tag: tags.string, color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
]);
