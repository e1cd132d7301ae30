// Reads the text of a definition, JSON or YAML, by the rules of the command line, and says what is wrong at which line.

import { isAlias, isMap, isScalar, isSeq, Lexer, parseAllDocuments, type Document } from "yaml";
import type { Json } from "../../api";
import { OPTIONS } from "../../parts/yaml";
import type { Definition } from "../../types";
import { Flow } from "./flow";
import { mistakeIn } from "./mistake";
import { DEEPEST, Spot } from "./spots";

export type Form = "JSON" | "YAML";

export interface Finding {
  path: string;
  error: string;
  /** The first is 1. */
  line: number;
  severity: "error" | "warning";
}

export interface Reading {
  /** Undefined: it cannot be read. */
  definition?: Definition;
  findings: Finding[];
  hasComments: boolean;
  /** The line of a path of the API's problems. */
  line: (path: string) => number;
}

const LARGEST = 1024 * 1024; // characters; the scheduler takes no larger body
const MOST_TOKENS = 100_000; // of YAML, which takes the browser some microseconds for each
const MOST_VALUES = 100_000; // with aliases expanded
const REPEATED = "is given more than once; only the last one counts";

/** Why a text cannot be read, and where. */
class Unreadable extends Error {
  constructor(
    message: string,
    readonly from = 0,
  ) {
    super(message);
  }
}

interface Content {
  value: Json;
  root: Spot;
  repeated: readonly { name: string; from: number }[];
  hasComments: boolean;
}

export function read(text: string, form: Form): Reading {
  const lineAt = (from: number) => {
    let line = 1;
    for (let at = text.indexOf("\n"); at >= 0 && at < from; at = text.indexOf("\n", at + 1)) line++;
    return line;
  };
  try {
    if (text.length > LARGEST) throw new Unreadable(`The text has more than ${LARGEST} characters`);
    const { value, root, repeated, hasComments } = form === "JSON" ? fromJson(text) : fromYaml(text);
    if (value === null || typeof value !== "object" || Array.isArray(value))
      throw new Unreadable("A definition is an object with an id and containers");
    const findings = repeated
      .slice(0, 100)
      .map(({ name, from }): Finding => ({ path: name, error: REPEATED, line: lineAt(from), severity: "warning" }));
    return {
      definition: value as unknown as Definition,
      findings,
      hasComments,
      line: (path) => lineAt(root.find(path).from),
    };
  } catch (problem) {
    const { message, from } = problem instanceof Unreadable ? problem : new Unreadable("It is nested too deep");
    const finding: Finding = { path: "/", error: message, line: lineAt(from), severity: "error" };
    return { findings: [finding], hasComments: false, line: () => 1 };
  }
}

function fromJson(text: string): Content {
  const flow = new Flow(text);
  if (flow.tooDeep !== undefined) throw new Unreadable(TOO_DEEP, flow.tooDeep);
  try {
    return { value: JSON.parse(text), root: flow.root, repeated: flow.repeated, hasComments: false };
  } catch (error) {
    throw new Unreadable((error as SyntaxError).message, mistakeIn(text));
  }
}

const TOO_DEEP = `It is nested more than ${DEEPEST} levels deep`;

function fromYaml(text: string): Content {
  const hasComments = checkTokens(text);
  const parsed = parseAllDocuments(text, { ...OPTIONS, prettyErrors: false });
  const documents = Array.isArray(parsed) ? parsed : [];
  for (const { errors, warnings } of documents)
    for (const { message, pos } of [...errors, ...warnings])
      throw new Unreadable(message.includes("call stack") ? TOO_DEEP : message, pos[0]);
  const [first, second] = documents.filter(({ contents }) => !isScalar(contents) || contents.value !== null);
  if (second) throw new Unreadable("The editor takes one definition at a time", second.contents?.range[0]);
  if (!first?.contents) throw new Unreadable("There is no definition in it");
  return { ...new Values(first).read(), hasComments };
}

/** Whether there are comments. Throws Unreadable if there is more of it than can be read at once. */
function checkTokens(text: string): boolean {
  let hasComments = false;
  let count = 0;
  for (const token of new Lexer().lex(text)) {
    if (token.startsWith("#")) hasComments = true;
    if (++count > MOST_TOKENS) throw new Unreadable("It is too much YAML for a browser: use JSON, or the command line");
  }
  return hasComments;
}

/** The values of a document, and their places: aliases expanded, merges (`<<`) made, but only so much of it. */
class Values {
  private readonly anchors = new Map<string, unknown>();
  private readonly meant = new Map<unknown, unknown>();
  private readonly repeated: { name: string; from: number }[] = [];
  private left = MOST_VALUES;

  constructor(private readonly document: Document.Parsed) {}

  read(): Omit<Content, "hasComments"> {
    const { contents } = this.document;
    const root = new Spot(contents?.range[0] ?? 0);
    return { value: this.value(contents, root, 0), root, repeated: this.repeated };
  }

  private value(node: unknown, spot: Spot, depth: number): Json {
    if (depth > DEEPEST) throw new Unreadable(`${TOO_DEEP}, or contains itself`, spot.from);
    if (--this.left < 0) throw new Unreadable(`It has more than ${MOST_VALUES} values`, spot.from);
    if (isAlias(node)) return this.value(this.target(node), spot, depth + 1);
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor && !this.meant.has(node)) {
      this.anchors.set(node.anchor, node);
      this.meant.set(node, node);
    }
    if (isSeq(node))
      return node.items.map((item, index) => this.value(item, spot.add(index, start(item, spot)), depth + 1));
    if (isMap(node)) return this.object(node.items, spot, depth);
    const value = isScalar(node) ? node.value : null;
    if (typeof value === "number" && !Number.isFinite(value))
      throw new Unreadable("JSON cannot represent this number", spot.from);
    return value as Json;
  }

  private object(pairs: readonly { key: unknown; value: unknown }[], spot: Spot, depth: number): Json {
    const merged: [string, Json][] = [];
    const own: [string, Json][] = [];
    for (const { key, value } of pairs) {
      const from = start(key, spot);
      const name = this.name(key, from);
      if (isScalar(key) && key.type === "PLAIN" && name === "<<") {
        merged.push(...this.sources(this.value(value, new Spot(from), depth + 1), from));
        continue;
      }
      if (spot.has(name)) this.repeated.push({ name, from });
      own.push([name, this.value(value, spot.add(name, from), depth + 1)]);
    }
    return Object.fromEntries([...merged, ...own]); // of equal names, the last counts
  }

  /** What a merge brings: of equal names, the last counts, as for the command line. */
  private sources(value: Json, from: number): [string, Json][] {
    const sources = Array.isArray(value) ? value : [value];
    return sources.flatMap((each) => {
      if (each === null || typeof each !== "object" || Array.isArray(each))
        throw new Unreadable("<< merges objects only", from);
      return Object.entries(each);
    });
  }

  private name(key: unknown, from: number): string {
    const node = isAlias(key) ? this.target(key) : key;
    if (isScalar(node)) {
      if (node.anchor) this.anchors.set(node.anchor, node);
      return String(node.value);
    }
    if (node === null) return "null";
    throw new Unreadable("The name of a member must be a string", from);
  }

  /** The node that an alias stands for: the last one before it that has this anchor. */
  private target(alias: { source: string; range?: readonly number[] | null | undefined }): unknown {
    const found = this.meant.get(alias) ?? this.anchors.get(alias.source);
    if (!found) throw new Unreadable(`Nothing before it has the anchor &${alias.source}`, alias.range?.[0]);
    this.meant.set(alias, found);
    return found;
  }
}

function start(node: unknown, around: Spot): number {
  return (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? around.from;
}
