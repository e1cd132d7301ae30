// Where the cursor is in a YAML text that is being written, by the indentation of the lines before it: a parser has no
// place yet for what is not there yet.

import { Flow, NONE, type Place, unquoted } from "./flow";
import { DEEPEST, type Step } from "./spots";

interface Level {
  indent: number;
  isList: boolean;
  step: Step;
  names: Set<string>;
  /** Whether the value is on the line of its name, so that nothing may be below it. */
  hasValue: boolean;
}

const NAME = /^("(?:[^"\\]|\\.)*"\s*|'[^']*'\s*|-?[^\s#"'[\]{},&*!|>%@`-][^:#]*):(?=\s|$)\s*/;
const LONGEST_NAME = 1024; // as YAML has it

class Block {
  readonly levels: Level[] = [];
  /** The indentation of the block scalar that the lines are in. */
  private scalar: number | undefined;

  /** The rest of a line behind its dashes and its name, and where it begins; undefined: nothing to look at. */
  take(line: string): { rest: string; at: number; isNamed: boolean } | undefined {
    const indent = line.length - line.trimStart().length;
    if (!line.trim() || this.isInScalar(indent)) return undefined;
    this.scalar = undefined;
    if (line.startsWith("#", indent) || /^(---|\.\.\.)/.test(line)) return undefined;
    let at = this.dashes(line, indent);
    const named = NAME.exec(line.slice(at, at + LONGEST_NAME));
    const column = at;
    if (named) {
      this.member(column, unquoted((named[1] ?? "").trimEnd()));
      at += named[0].length;
    }
    const rest = line.slice(at);
    const level = this.levels.at(-1);
    if (level) level.hasValue = /^[^#\s&!]/.test(rest);
    if (/^[|>][-+\d]*\s*(#|$)/.test(rest)) this.scalar = named ? column : Math.max(indent, column - 2);
    return { rest, at, isNamed: named !== null };
  }

  /** Takes the dashes that begin items; returns where the rest begins. */
  private dashes(line: string, indent: number): number {
    let at = indent;
    for (let dash = /^-(\s+|$)/.exec(line.slice(at)); dash; dash = /^-(\s+|$)/.exec(line.slice(at))) {
      this.leave(at, true);
      const list = this.levels.at(-1);
      if (list?.isList && list.indent === at) list.step = Number(list.step) + 1;
      else this.enter({ indent: at, isList: true, step: 0, names: new Set(), hasValue: false });
      at += dash[0].length;
    }
    return at;
  }

  private member(indent: number, name: string): void {
    this.leave(indent, false);
    const level = this.levels.at(-1);
    if (level && !level.isList && level.indent === indent) level.step = name;
    else this.enter({ indent, isList: false, step: name, names: new Set(), hasValue: false });
    this.levels.at(-1)?.names.add(name);
  }

  /** Leaves what a line with this indentation is not inside of. A list may be indented as its name is. */
  leave(indent: number, isItem: boolean): void {
    for (let level = this.levels.at(-1); level; level = this.levels.at(-1)) {
      if (level.indent < indent || (level.indent === indent && (isItem || !level.isList))) break;
      this.levels.pop();
    }
  }

  isInScalar(column: number): boolean {
    return this.scalar !== undefined && column > this.scalar;
  }

  steps(): Step[] {
    return this.levels.map(({ step }) => step);
  }

  private enter(level: Level): void {
    if (this.levels.length < DEEPEST) this.levels.push(level);
  }
}

/** Undefined: nothing can be completed there. */
export function placeIn(text: string): Place | undefined {
  const block = new Block();
  let at = 0;
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", at)) {
    const taken = block.take(text.slice(at, end));
    at = end + 1;
    if (taken && /^[[{]/.test(taken.rest)) {
      const flow = new Flow(text, end - taken.rest.length);
      if (flow.end === undefined) return flow.place(block.steps());
      if (flow.end < at) continue;
      at = text.indexOf("\n", flow.end) + 1;
      if (!at) return undefined;
    }
  }
  return lastPlace(block, text, at);
}

function lastPlace(block: Block, text: string, at: number): Place | undefined {
  const line = text.slice(at);
  const here = (expects: Place["expects"], steps = block.steps(), names = NONE): Place => {
    return { steps, expects, names, isInBrackets: false };
  };
  if (line.trim()) {
    const taken = block.take(line);
    if (taken && /^[[{]/.test(taken.rest)) return new Flow(text, at + taken.at).place(block.steps());
    if (!taken || taken.rest) return undefined;
    return here(taken.isNamed ? "value" : "either");
  }
  if (block.isInScalar(line.length)) return undefined;
  block.leave(line.length, false);
  const level = block.levels.at(-1);
  if (!level) return here("member");
  if (!level.isList && level.indent === line.length) return here("member", block.steps().slice(0, -1), level.names);
  return level.hasValue ? undefined : here("either");
}
