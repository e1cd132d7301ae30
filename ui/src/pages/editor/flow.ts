// Follows a text in JSON, or the part of a YAML text that is in brackets, and knows what each place is inside of. The text
// may be unfinished or wrong; it is read once, however hostile it is.

import { DEEPEST, Spot, type Step } from "./spots";

/** Where a text ends: behind which names and indexes, and what may come next. */
export interface Place {
  steps: readonly Step[];
  expects: "member" | "value" | "either";
  /** The members that the object has already. */
  names: ReadonlySet<string>;
  isInBrackets: boolean;
}

interface Level {
  isList: boolean;
  spot: Spot;
  names: Set<string>;
  /** What the next value belongs to: a name, undefined before the colon; an index. */
  step: Step | undefined;
  /** The last token, which is a name if a colon follows. */
  last: { text: string; from: number } | undefined;
  /** Of that name. */
  member: Spot;
  hasValue: boolean;
}

/** Of JSON, and of YAML in brackets. */
export const TOKEN =
  /"(?:[^"\\\n]+|\\.)*"?|'[^'\n]*'?|[{}[\],]|:|[^\s"'{}[\],:](?:[^\s{}[\],:]+|:(?![\s{}[\],"']|$))*/g;

export class Flow {
  readonly root: Spot;
  readonly repeated: { name: string; from: number }[] = [];
  /** Where the outermost bracket is closed; undefined: not before the end of the text. */
  readonly end: number | undefined;
  /** Where it is nested too deep, and no longer read. */
  readonly tooDeep: number | undefined;
  private readonly levels: Level[] = [];

  constructor(text: string, from = 0, to = text.length) {
    this.root = new Spot(from);
    const tokens = new RegExp(TOKEN);
    tokens.lastIndex = from;
    for (let match = tokens.exec(text); match && match.index < to; match = tokens.exec(text)) {
      this.take(match[0], match.index);
      if (this.levels.length > DEEPEST) this.tooDeep = match.index;
      if (!this.levels.length) this.end = tokens.lastIndex;
      if (this.tooDeep !== undefined || this.end !== undefined) break;
    }
  }

  /** Undefined: behind a complete value, or outside of the brackets. */
  place(before: readonly Step[] = []): Place | undefined {
    const inner = this.levels.at(-1);
    if (!inner || this.tooDeep !== undefined) return undefined;
    const steps = [...before, ...this.levels.slice(0, -1).map(({ step }) => step ?? "")];
    if (inner.step === undefined)
      return inner.last ? undefined : { steps, expects: "member", names: inner.names, isInBrackets: true };
    if (inner.hasValue) return undefined;
    return { steps: [...steps, inner.step], expects: "value", names: NONE, isInBrackets: true };
  }

  private take(token: string, from: number): void {
    const inner = this.levels.at(-1);
    if (token === "}" || token === "]") this.levels.pop();
    else if (!inner) this.open(token, this.root);
    else if (token === ",") {
      inner.step = inner.isList ? Number(inner.step) + 1 : undefined;
      inner.last = undefined;
      inner.hasValue = false;
    } else if (inner.step === undefined) {
      if (token === ":" && inner.last) this.name(inner, inner.last);
      else inner.last = { text: token, from };
    } else if (!inner.hasValue) {
      inner.hasValue = true;
      this.open(token, inner.isList ? inner.spot.add(inner.step, from) : inner.member);
    }
  }

  private name(level: Level, { text, from }: { text: string; from: number }): void {
    const name = unquoted(text);
    if (level.names.has(name)) this.repeated.push({ name, from });
    level.names.add(name);
    level.member = level.spot.add(name, from);
    level.step = name;
  }

  private open(token: string, spot: Spot): void {
    if (token !== "{" && token !== "[") return;
    const isList = token === "[";
    const step = isList ? 0 : undefined;
    this.levels.push({ isList, spot, names: new Set(), step, last: undefined, member: spot, hasValue: false });
  }
}

export const NONE: ReadonlySet<string> = new Set();

/** A name without its quotes. */
export function unquoted(token: string): string {
  if (token.startsWith("'")) return token.slice(1).replace(/'$/, "").replace(/''/g, "'");
  if (!token.startsWith('"')) return token;
  try {
    return JSON.parse(token);
  } catch {
    return token.slice(1).replace(/"$/, ""); // unfinished, or escaped as only YAML does
  }
}
