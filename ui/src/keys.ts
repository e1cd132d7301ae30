// The keyboard: single keys outside of fields, and `g` followed by a letter to go somewhere.

import { useEffect, useRef } from "preact/hooks";
import { go, href } from "./route";

export const PLACES: Record<string, [string, string]> = {
  p: ["pods", "Pods"],
  d: ["deployments", "Deployments"],
  q: ["queue", "Queue"],
  a: ["agents", "Agents"],
  e: ["events", "Events"],
  n: ["new", "New pod"],
};

const WITHIN = 1500; // milliseconds between `g` and the letter

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, dialog, .xterm, .editor") !== null;
}

/** Handle keys; `keys` are those of the page. */
export function useKeys(keys: Record<string, () => void>): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const act = current.current[event.key];
      if (act) {
        event.preventDefault();
        act();
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

export function usePlaces(help: () => void): void {
  useEffect(() => {
    let since = 0;
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const place = PLACES[event.key];
      if (since && event.timeStamp - since < WITHIN && place) {
        event.preventDefault();
        event.stopImmediatePropagation();
        go(href(place[0]));
      } else if (event.key === "?") help();
      else if (event.key === "/") {
        event.preventDefault();
        document.querySelector<HTMLInputElement>("input[type=search]")?.focus();
      }
      since = event.key === "g" ? event.timeStamp : 0;
    };
    addEventListener("keydown", pressed, { capture: true });
    return () => removeEventListener("keydown", pressed, { capture: true });
  }, []);
}
