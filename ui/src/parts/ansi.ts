// Text of strangers that may contain escape sequences: colours are kept as classes, everything else that a terminal would
// obey, or that would hide or reorder text, is shown as what it is.

export interface Piece {
  text: string;
  className: string;
}

const SEQUENCE = /\u001b\[([0-9;:]*)m/g;
const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Control characters, and those that are invisible or change the direction of text, as escapes. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (each) => {
    const code = each.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

interface Style {
  colour: string;
  isBold: boolean;
  isFaint: boolean;
  isUnderlined: boolean;
}

const PLAIN: Style = { colour: "", isBold: false, isFaint: false, isUnderlined: false };

/** The pieces of a line, each with the classes of its colours. */
export function pieces(line: string): Piece[] {
  const found: Piece[] = [];
  let style = PLAIN;
  let from = 0;
  const add = (text: string) => {
    if (text) found.push({ text: visible(text), className: classes(style) });
  };
  for (const each of line.matchAll(SEQUENCE)) {
    add(line.slice(from, each.index));
    style = applied(style, each[1] ?? "");
    from = each.index + each[0].length;
  }
  add(line.slice(from).replace(/\r$/, ""));
  return found;
}

function classes({ colour, isBold, isFaint, isUnderlined }: Style): string {
  return [colour && `ansi-${colour}`, isBold && "ansi-bold", isFaint && "faint", isUnderlined && "ansi-underlined"]
    .filter(Boolean)
    .join(" ");
}

function applied(style: Style, codes: string): Style {
  let now = style;
  const numbers = codes.split(/[;:]/).map(Number);
  for (let index = 0; index < numbers.length; index++) {
    const code = numbers[index] ?? 0;
    if (code === 0) now = PLAIN;
    else if (code === 1) now = { ...now, isBold: true };
    else if (code === 2) now = { ...now, isFaint: true };
    else if (code === 4) now = { ...now, isUnderlined: true };
    else if (code === 22) now = { ...now, isBold: false, isFaint: false };
    else if (code === 24) now = { ...now, isUnderlined: false };
    else if (code === 38 || code === 48) {
      // Of 256 or all colours: the first sixteen are known by name.
      const chosen = numbers[index + 1] === 5 ? numbers[index + 2] : undefined;
      if (code === 38) now = { ...now, colour: chosen === undefined ? "" : (COLOURS[chosen % 8] ?? "") };
      index += numbers[index + 1] === 5 ? 2 : 4;
    } else if (code === 39) now = { ...now, colour: "" };
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97))
      now = { ...now, colour: COLOURS[code % 10] ?? "" };
  }
  return now;
}
