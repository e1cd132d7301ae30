// YAML as the command line reads and writes it: YAML 1.1 as PyYAML understands it, in which dates stay strings.

import { type DocumentOptions, type ParseOptions, type ScalarTag, type SchemaOptions, stringify } from "yaml";

function scalar(name: string, test: RegExp, more: Pick<ScalarTag, "identify" | "resolve" | "stringify">): ScalarTag {
  return { tag: `tag:yaml.org,2002:${name}`, default: true, test, ...more };
}

/** `1:30` is 90: YAML 1.1 knows minutes and degrees. */
function number(text: string): number {
  const digits = text.replace(/_/g, "").toLowerCase();
  const sign = digits.startsWith("-") ? -1 : 1;
  const rest = digits.replace(/^[-+]/, "");
  if (rest === ".inf") return sign * Infinity;
  if (rest === ".nan") return NaN;
  if (/^0[0-7]+$/.test(rest)) return sign * parseInt(rest, 8);
  return sign * rest.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** A number that YAML 1.1 reads as one: an exponent needs a fraction before it. */
function written(value: number): string {
  return String(value).replace(/^(-?\d+)e/, "$1.0e");
}

/** How plain scalars are read: what none of these fits is a string. */
const SCALARS: readonly ScalarTag[] = [
  // Strings that must be quoted to be strings to PyYAML, in all places.
  scalar("merge", /^<<$/, { identify: () => false, resolve: (text) => text }),
  scalar("value", /^=$/, { identify: () => false, resolve: (text) => text }),
  scalar("null", /^(?:~|null|Null|NULL|)$/, {
    identify: (value) => value === null,
    resolve: () => null,
    stringify: () => "null",
  }),
  scalar("bool", /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON|no|No|NO|false|False|FALSE|off|Off|OFF)$/, {
    identify: (value) => typeof value === "boolean",
    resolve: (text) => /^(?:yes|true|on)$/i.test(text),
    stringify: ({ value }) => String(value),
  }),
  scalar("int", /^[-+]?(?:0b[01_]+|0x[\da-fA-F_]+|0[0-7_]+|0|[1-9][\d_]*(?::[0-5]?\d)*)$/, {
    identify: Number.isInteger,
    resolve: number,
    stringify: ({ value }) => written(value as number),
  }),
  scalar(
    "float",
    /^(?:[-+]?\d[\d_]*\.[\d_]*(?:[eE][-+]\d+)?|\.\d[\d_]*(?:[eE][-+]\d+)?|[-+]?\d[\d_]*(?::[0-5]?\d)+\.[\d_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
    {
      identify: (value) => typeof value === "number",
      resolve: number,
      stringify: ({ value }) => written(value as number),
    },
  ),
];

export const OPTIONS: ParseOptions & DocumentOptions & SchemaOptions = {
  schema: "failsafe",
  customTags: (tags) => [...tags, ...SCALARS],
  resolveKnownTags: false,
  uniqueKeys: false, // who reads it looks for repeated keys itself, in less time
};

/** What PyYAML takes for a line break, or refuses, unless it is escaped. */
const UNSAFE = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** A value of JSON as YAML that everybody, also a reader of YAML 1.2, reads as this value. */
export function toYaml(value: unknown): string {
  const text = stringify(value, { ...OPTIONS, compat: "yaml-1.1", lineWidth: 0 });
  if (!UNSAFE.test(text)) return text;
  UNSAFE.lastIndex = 0;
  const quoted = stringify(value, { ...OPTIONS, defaultStringType: "QUOTE_DOUBLE", lineWidth: 0 });
  return quoted.replace(UNSAFE, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
