// Where a text is no JSON: browsers say it in their own ways, or not at all.

import { TOKEN } from "./flow";

const SCALAR =
  /^(?:"(?:[^"\\\x00-\x1f]+|\\["\\/bfnrt]|\\u[\da-fA-F]{4})*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null)$/;

type Expected = "value" | "value or end" | "name" | "name or end" | "colon" | "comma or end" | "nothing";

/** The first place at which it is wrong, by one look at each token; the end, if something is missing there. */
export function mistakeIn(text: string): number {
  const closing: string[] = [];
  let expected: Expected = "value";
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const next = after(token, expected, closing);
    if (!next) return index;
    expected = next;
  }
  return text.length;
}

/** What may follow a token; undefined: the token is not what was expected. */
function after(token: string, expected: Expected, closing: string[]): Expected | undefined {
  const behind = () => (closing.length ? "comma or end" : "nothing");
  if (token === "}" || token === "]") {
    if (!expected.endsWith("end") || closing.pop() !== token) return undefined;
    return behind();
  }
  if (token === ",") return expected !== "comma or end" ? undefined : closing.at(-1) === "}" ? "name" : "value";
  if (token === ":") return expected === "colon" ? "value" : undefined;
  if (expected.startsWith("name")) return token.startsWith('"') && SCALAR.test(token) ? "colon" : undefined;
  if (!expected.startsWith("value")) return undefined;
  if (token === "{" || token === "[") {
    closing.push(token === "{" ? "}" : "]");
    return token === "{" ? "name or end" : "value or end";
  }
  return SCALAR.test(token) ? behind() : undefined;
}
