// A long list of which only the visible rows are in the document: all rows have the same height.

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

const SPARE = 8; // rows outside of the window

interface Props<T> {
  rows: readonly T[];
  height: number;
  label: string;
  /** Which columns it has: a class of the style sheet. */
  kind: string;
  columns: readonly string[];
  keyOf: (row: T) => string;
  selected?: number;
  render: (row: T, index: number) => ComponentChildren;
  onHover?: (inside: boolean) => void;
}

/** A table whose rows render themselves as `role="row"`. */
export function Rows<T>({ rows, height, label, kind, columns, keyOf, selected, render, onHover }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [window_, setWindow] = useState({ from: 0, to: 50 });
  useLayoutEffect(() => {
    const place = () => {
      const top = box.current?.getBoundingClientRect().top ?? 0;
      const from = Math.max(0, Math.floor(-top / height) - SPARE);
      const to = Math.ceil((innerHeight - top) / height) + SPARE;
      setWindow((before) => (before.from === from && before.to === to ? before : { from, to }));
    };
    place();
    addEventListener("scroll", place, { passive: true });
    addEventListener("resize", place);
    return () => {
      removeEventListener("scroll", place);
      removeEventListener("resize", place);
    };
  }, [rows.length, height]);
  useEffect(() => {
    if (selected === undefined || !box.current) return;
    const top = box.current.getBoundingClientRect().top + selected * height;
    if (top < 120) scrollBy({ top: top - 120 });
    else if (top + height > innerHeight) scrollBy({ top: top + height - innerHeight + 8 });
  }, [selected]);
  const shown = rows.slice(window_.from, window_.to);
  return (
    <div
      class={`rows ${kind}`}
      role="table"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      onPointerEnter={() => onHover?.(true)}
      onPointerLeave={() => onHover?.(false)}
    >
      <div role="row" class="row head" aria-rowindex={1}>
        {columns.map((name) => (
          <span role="columnheader">{name}</span>
        ))}
      </div>
      <div ref={box} class="window" role="rowgroup" style={{ height: `${rows.length * height}px` }}>
        {shown.map((row, index) => (
          <div
            key={keyOf(row)}
            class={`place ${window_.from + index === selected ? "selected" : ""}`}
            role="presentation"
            style={{ top: `${(window_.from + index) * height}px`, height: `${height}px` }}
          >
            {render(row, window_.from + index)}
          </div>
        ))}
      </div>
    </div>
  );
}
