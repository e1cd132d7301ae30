// Times are shown as ages; the exact time is in the tooltip.

import { useEffect, useState } from "preact/hooks";

const UNITS: [number, string][] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "m"],
  [1, "s"],
];

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  for (const [index, [size, unit]] of UNITS.entries()) {
    if (whole < size) continue;
    const [inner, innerUnit] = UNITS[index + 1] ?? [1, ""];
    const rest = Math.floor((whole % size) / inner);
    const first = `${Math.floor(whole / size)}${unit}`;
    return rest && Math.floor(whole / size) < 10 && innerUnit ? `${first}${rest}${innerUnit}` : first;
  }
  return "0s";
}

const clock = { listeners: new Set<() => void>(), timer: 0 };

/** The time in milliseconds, renewed every second while the page is visible: one timer for all. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const tick = () => setNow(Date.now());
    clock.listeners.add(tick);
    if (clock.listeners.size === 1)
      clock.timer = window.setInterval(() => {
        if (!document.hidden) for (const each of clock.listeners) each();
      }, 1000);
    return () => {
      clock.listeners.delete(tick);
      if (clock.listeners.size === 0) clearInterval(clock.timer);
    };
  }, []);
  return now;
}

export function Age({ at, suffix = "" }: { at: string | number | undefined; suffix?: string }) {
  const now = useNow();
  if (at === undefined) return null;
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime()) || moment.getTime() === 0) return <span>–</span>;
  return (
    <time dateTime={moment.toISOString()} title={`${moment.toLocaleString()} (${moment.toISOString()})`}>
      {duration((now - moment.getTime()) / 1000)}
      {suffix}
    </time>
  );
}

export function Left({ until }: { until: string | number }) {
  const seconds = (new Date(until).getTime() - useNow()) / 1000;
  return <time dateTime={new Date(until).toISOString()}>{duration(seconds)}</time>;
}
