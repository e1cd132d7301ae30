// The instances of a pod as a bar, and in words.

import { COUNTS, type Count, type PodSummary } from "../types";
import type { Tone } from "./basic";

/** In words, for people who cannot see or tell the colours. */
export function inWords(counts: Partial<Record<Count, number>>): string {
  return COUNTS.filter((name) => counts[name])
    .map((name) => `${counts[name]} ${name}`)
    .join(", ");
}

export function Bar({ counts, asked }: { counts: Partial<Record<Count, number>>; asked: number }) {
  const missing = Math.max(0, asked - COUNTS.reduce((sum, name) => sum + (counts[name] ?? 0), 0));
  const words = inWords(counts) || (asked ? `${missing} to come` : "none");
  return (
    <span class="bar" title={words}>
      <span class="segments" aria-hidden="true">
        {COUNTS.map((name) =>
          counts[name] ? <span key={name} class={`segment ${name}`} style={{ flexGrow: counts[name] }} /> : null,
        )}
        {missing > 0 && <span class="segment missing" style={{ flexGrow: missing }} />}
      </span>
      <span class="words">{words}</span>
    </span>
  );
}

/** What is said of a pod in a word; problems have the lowest rank. */
export interface State {
  word: string;
  tone: Tone;
  rank: number;
}

export function stateOf(pod: PodSummary): State {
  const counts = pod.instances ?? {};
  if (pod.message) return { word: "unknown", tone: "warn", rank: 0 };
  if (pod.backOffUntil) return { word: "failing", tone: "bad", rank: 0 };
  if (counts.unhealthy) return { word: "unhealthy", tone: "bad", rank: 1 };
  if (counts.unreachable) return { word: "unreachable", tone: "warn", rank: 2 };
  if (counts.waiting) return { word: "waiting", tone: "warn", rank: 3 };
  if (pod.deployment)
    return {
      word: pod.deployment.paused ? "paused" : "deploying",
      tone: pod.deployment.paused ? "idle" : "busy",
      rank: 4,
    };
  if ((counts.ready ?? 0) < (pod.asked ?? 0)) return { word: "starting", tone: "busy", rank: 5 };
  if (!pod.asked)
    return counts.ending ? { word: "ending", tone: "busy", rank: 5 } : { word: "stopped", tone: "idle", rank: 7 };
  return { word: "stable", tone: "good", rank: 6 };
}

export const STATES = [
  "failing",
  "unhealthy",
  "unreachable",
  "waiting",
  "deploying",
  "paused",
  "starting",
  "ending",
  "stable",
  "stopped",
];
