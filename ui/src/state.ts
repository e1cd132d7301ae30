// What pages have in common: the stream, the session, loading and loading again.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get } from "./api";
import { type Connection, Live, podsOf, type StreamEvent } from "./live";
import type { Permission, Session } from "./types";

export const live = new Live();

const SHORTEST_WAIT = 300; // milliseconds between an event and loading what it changed
const SHARE = 8; // of the time, at most one part of so many is spent on loading
const LONGEST_REST = 60_000; // milliseconds

export function useConnection(): Connection {
  const [connection, setConnection] = useState(live.connection);
  useEffect(() => live.connections(setConnection), []);
  return connection;
}

export interface Loaded<T> {
  data: T | undefined;
  error: unknown;
  reload: () => void;
}

/**
 * Load something, and load it again after an event that `concerns` it, after a lost connection, and every `period`
 * milliseconds if given. Several events lead to one request; the slower the answer, the fewer requests. `share`: of the
 * time, at most one part of so many is spent on loading while no event happens; at least once a minute.
 */
export function useLoaded<T>(
  load: (signal: AbortSignal) => Promise<T>,
  dependencies: readonly unknown[],
  concerns: (event: StreamEvent) => boolean = () => false,
  period?: number,
  share = 0,
): Loaded<T> {
  const [state, setState] = useState<{ data: T | undefined; error: unknown }>({ data: undefined, error: undefined });
  const again = useRef<() => void>(() => {});
  const interest = useRef(concerns);
  interest.current = concerns;
  useEffect(() => {
    const ended = new AbortController();
    let timer: number | undefined;
    let running = false;
    let wanted = false;
    let wait = SHORTEST_WAIT;
    let rested = 0;
    setState({ data: undefined, error: undefined });
    const run = async () => {
      timer = undefined;
      if (running) {
        wanted = true;
        return;
      }
      running = true;
      const began = performance.now();
      try {
        const data = await load(ended.signal);
        if (!ended.signal.aborted) setState({ data, error: undefined });
      } catch (error) {
        if (!ended.signal.aborted) setState((before) => ({ data: before.data, error }));
      }
      running = false;
      const now = performance.now();
      wait = Math.max(SHORTEST_WAIT, (now - began) * SHARE);
      rested = now + Math.min(LONGEST_REST, (now - began) * share);
      if (wanted) soon();
      wanted = false;
    };
    const soon = () => {
      timer ??= window.setTimeout(() => void run(), wait);
    };
    again.current = () => void run();
    void run();
    const off = [
      live.events((event) => interest.current(event) && soon()),
      live.connections(({ state }) => state === "open" && soon()),
    ];
    const ticking =
      period &&
      window.setInterval(() => {
        if (!document.hidden && performance.now() >= rested) void run();
      }, period);
    return () => {
      ended.abort();
      clearTimeout(timer);
      if (ticking) clearInterval(ticking);
      for (const each of off) each();
    };
  }, dependencies);
  return { ...state, reload: useCallback(() => again.current(), []) };
}

export function about(id: string): (event: StreamEvent) => boolean {
  return (event) => podsOf(event).includes(id) || event.kind.startsWith("scheduler_");
}

/** What the user may do with a pod; undefined until it is known. */
export function useMay(id: string): ((permission: Permission) => boolean) | undefined {
  const { data } = useLoaded((signal) => get<Session>("session", { pod: id }, signal), [id]);
  return data && ((permission) => data.permissions.includes(permission));
}
