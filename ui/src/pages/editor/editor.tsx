// A text editor for definitions: CodeMirror, which is loaded on demand, in a shadow tree, where its styles are rules that
// the page's policy allows.

import { useEffect, useRef } from "preact/hooks";
import type { EditorView } from "codemirror";
import type { Finding, Form } from "./read";

export interface EditorHandle {
  text: () => string;
  show: (line: number) => void;
}

interface Props {
  initial: string;
  form: Form;
  problems: readonly Finding[];
  handle: { current: EditorHandle | null };
  changed: () => void;
}

export function Editor({ initial, form, problems, handle, changed }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const mark = useRef<((problems: readonly Finding[]) => void) | null>(null);
  useEffect(() => {
    let isGone = false;
    void import("./codemirror").then(({ open }) => {
      if (isGone || !box.current) return;
      const opened = open(box.current, initial, form, changed);
      view.current = opened.view;
      mark.current = opened.mark;
    });
    handle.current = {
      text: () => view.current?.state.doc.toString() ?? initial,
      show: (number) => {
        const line = view.current?.state.doc.line(Math.min(number, view.current.state.doc.lines));
        if (!line) return;
        view.current?.dispatch({ selection: { anchor: line.from, head: line.to }, scrollIntoView: true });
        view.current?.focus();
      },
    };
    return () => {
      isGone = true;
      view.current?.destroy();
      view.current = null;
      mark.current = null;
    };
  }, [initial, form]);
  useEffect(() => mark.current?.(problems), [problems]);
  return <div ref={box} class="editor" />;
}
