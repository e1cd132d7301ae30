// What the definition's JSON Schema says of a place: the members an object may have, and the values a member may have.

import type { Json } from "../../api";
import type { Step } from "./spots";

export interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  patternProperties?: Record<string, Schema>;
  items?: Schema;
  required?: readonly string[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  enum?: Json[];
  const?: Json;
  default?: Json;
  examples?: Json[];
  $ref?: string;
  $defs?: Record<string, Schema>;
  description?: string;
}

export type Kind = "object" | "list" | "string" | "other";

export interface Suggestion {
  /** A name; or a value. */
  value: Json;
  kind: Kind;
  /** Whether there is something to choose next: the value of a name. */
  hasChoices: boolean;
  /** A few words beside it, and sentences about it. */
  detail: string;
  info: string;
}

/** A schema with all that it refers to or allows instead. */
function alternatives(schema: Schema, root: Schema): Schema[] {
  const named = schema.$ref ? root.$defs?.[schema.$ref.replace("#/$defs/", "")] : undefined;
  const others = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return [schema, ...(named ? alternatives(named, root) : []), ...others.flatMap((each) => alternatives(each, root))];
}

function at(root: Schema, steps: readonly Step[]): Schema[] {
  let places = alternatives(root, root);
  for (const step of steps)
    places = places.flatMap((each) => next(each, step)).flatMap((each) => alternatives(each, root));
  return places;
}

function next(schema: Schema, step: Step): Schema[] {
  if (typeof step === "number") return schema.items ? [schema.items] : [];
  if (schema.properties && Object.hasOwn(schema.properties, step)) return [schema.properties[step] ?? {}];
  const others = [schema.additionalProperties, ...Object.values(schema.patternProperties ?? {})];
  return others.filter((each) => typeof each === "object");
}

export function membersAt(root: Schema, steps: readonly Step[], names: ReadonlySet<string>): Suggestion[] {
  const places = at(root, steps);
  const required = new Set(places.flatMap((each) => each.required ?? []));
  const found = new Map(places.flatMap((each) => Object.entries(each.properties ?? {})));
  return [...found]
    .filter(([name]) => !names.has(name))
    .map(([name, schema]) => {
      const all = alternatives(schema, root);
      return {
        value: name,
        kind: kindOf(all),
        hasChoices: all.some((each) => each.properties || choices(each).length),
        detail: required.has(name) ? "required" : "",
        info: about(schema),
      };
    });
}

export function valuesAt(root: Schema, steps: readonly Step[]): Suggestion[] {
  const places = at(root, steps);
  const found = new Map<Json, Suggestion>();
  const info = places.find(({ description }) => description)?.description ?? "";
  const offer = (value: Json | undefined, detail: string) => {
    if (value === undefined || (typeof value === "object" && value !== null) || found.has(value)) return;
    found.set(value, { value, kind: typeof value === "string" ? "string" : "other", hasChoices: false, detail, info });
  };
  for (const each of places) offer(each.default, "default");
  for (const value of places.flatMap(choices)) offer(value, "");
  if (!places.some(({ enum: all, type }) => all || type === "boolean"))
    for (const value of places.flatMap(({ examples }) => examples ?? [])) offer(value, "example");
  return [...found.values()];
}

function choices(schema: Schema): Json[] {
  return [
    ...(schema.enum ?? []),
    ...(schema.const === undefined ? [] : [schema.const]),
    ...(schema.type === "boolean" ? [true, false] : []),
  ];
}

function kindOf(places: readonly Schema[]): Kind {
  const types = new Set(places.flatMap(({ type }) => type ?? []));
  if (types.size !== 1) return "other";
  if (types.has("object")) return "object";
  if (types.has("array")) return "list";
  return types.has("string") ? "string" : "other";
}

function about({ description = "", default: standard, examples }: Schema): string {
  const example = examples?.[0];
  const hasStandard = standard !== undefined && (standard === null || typeof standard !== "object");
  return [
    description,
    hasStandard ? `Default: ${JSON.stringify(standard)}.` : "",
    example === undefined ? "" : `Example: ${JSON.stringify(example)}`,
  ]
    .filter(Boolean)
    .join(" ");
}
