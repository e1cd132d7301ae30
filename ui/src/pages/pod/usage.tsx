// What the pod's containers use, against what they request: measured every few seconds while somebody looks.

import { useEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { get, podPath } from "../../api";
import type { InstanceUsage, Used } from "../../types";

const PERIOD = 3000; // milliseconds
const POINTS = 100;
export const MOST_MEASURED = 30; // instances; each costs its agent a measurement

export interface Rates {
  cpus?: number;
  memory?: number; // MiB
}

export interface Usage {
  /** By instance, and by instance and container: `instance container`. */
  rates: Map<string, Rates>;
  requested: { cpus: number; memory: number };
  points: { at: number; cpus: number | null; memory: number | null }[];
  error?: unknown;
}

function rate(now: Used | undefined, before: Used | undefined): Rates {
  const found: Rates = {};
  if (now?.memoryBytes !== undefined) found.memory = now.memoryBytes / 2 ** 20;
  if (now?.cpuSeconds !== undefined && before?.cpuSeconds !== undefined && now.takenAt && before.takenAt) {
    const seconds = now.takenAt - before.takenAt;
    if (seconds > 0) found.cpus = Math.max(0, (now.cpuSeconds - before.cpuSeconds) / seconds);
  }
  return found;
}

function byName(answer: InstanceUsage[]): Map<string, Used> {
  const found = new Map<string, Used>();
  for (const each of answer) {
    if (each.total) found.set(each.instance, each.total);
    for (const container of each.containers) found.set(`${each.instance} ${container.name}`, container.used);
  }
  return found;
}

function sum(rates: Map<string, Rates>, instances: string[], name: keyof Rates): number | null {
  const values = instances.flatMap((each) => rates.get(each)?.[name] ?? []);
  return values.length ? values.reduce((a, b) => a + b, 0) : null;
}

export function useUsage(id: string, isWanted: boolean): Usage | undefined {
  const [usage, setUsage] = useState<Usage>();
  useEffect(() => {
    if (!isWanted) return;
    const ended = new AbortController();
    let before = new Map<string, Used>();
    let points: Usage["points"] = [];
    let timer: number | undefined;
    const measure = async () => {
      try {
        if (!document.hidden) {
          const answer = await get<InstanceUsage[]>(podPath(id, "::usage"), {}, ended.signal);
          const now = byName(answer);
          const rates = new Map<string, Rates>();
          for (const [name, used] of now) rates.set(name, rate(used, before.get(name)));
          for (const each of answer) if (!each.total) rates.set(each.instance, added(each, rates));
          before = now;
          const instances = answer.map((each) => each.instance);
          const requested = { cpus: 0, memory: 0 };
          for (const container of answer.flatMap((each) => each.containers)) {
            requested.cpus += container.requested?.cpus ?? 0;
            requested.memory += container.requested?.mem ?? 0;
          }
          const cpus = sum(rates, instances, "cpus");
          points = [...points, { at: Date.now() / 1000, cpus, memory: sum(rates, instances, "memory") }].slice(-POINTS);
          setUsage({ rates, requested, points });
        }
      } catch (error) {
        if (ended.signal.aborted) return;
        setUsage((found) => ({ ...(found ?? { rates: new Map(), requested: { cpus: 0, memory: 0 }, points }), error }));
      }
      timer = window.setTimeout(() => void measure(), PERIOD);
    };
    void measure();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [id, isWanted]);
  return usage;
}

function added(of: InstanceUsage, rates: Map<string, Rates>): Rates {
  const names = of.containers.map((each) => `${of.instance} ${each.name}`);
  const cpus = sum(rates, names, "cpus");
  const memory = sum(rates, names, "memory");
  return { ...(cpus !== null && { cpus }), ...(memory !== null && { memory }) };
}

export function UsagePlots({ usage }: { usage: Usage }) {
  const times = usage.points.map((each) => each.at);
  const last = usage.points.at(-1);
  const shown = (value: number | null | undefined, digits: number) => (value == null ? "–" : value.toFixed(digits));
  return (
    <div class="plots">
      <figure>
        <figcaption>
          CPUs: {shown(last?.cpus, 2)} of {usage.requested.cpus.toFixed(1)} requested
        </figcaption>
        <Plot times={times} values={usage.points.map((each) => each.cpus)} limit={usage.requested.cpus} />
      </figure>
      <figure>
        <figcaption>
          Memory: {shown(last?.memory, 0)} of {usage.requested.memory.toFixed(0)} MiB requested
        </figcaption>
        <Plot times={times} values={usage.points.map((each) => each.memory)} limit={usage.requested.memory} />
      </figure>
    </div>
  );
}

/** Values as a line, and the requested amount as a dashed one. The caption says the same in words. */
function Plot({ times, values, limit }: { times: number[]; values: (number | null)[]; limit: number }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = useRef<uPlot.AlignedData>([[], [], []]);
  data.current = [times, values, times.map(() => limit)];
  useEffect(() => {
    let isGone = false;
    void Promise.all([import("uplot"), import("uplot/dist/uPlot.min.css")]).then(([{ default: Plotted }]) => {
      if (isGone || !box.current) return;
      const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name);
      const options: uPlot.Options = {
        width: box.current.clientWidth || 280,
        height: 72,
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(most, limit) * 1.1 || 1] } },
        axes: [
          { show: false },
          {
            stroke: colour("--faint"),
            grid: { stroke: colour("--line") },
            size: 42,
            space: 24,
            ticks: { show: false },
          },
        ],
        series: [
          {},
          { stroke: colour("--busy"), width: 2, points: { show: false } },
          { stroke: colour("--faint"), width: 1, dash: [4, 4], points: { show: false } },
        ],
      };
      plot.current = new Plotted(options, data.current, box.current);
    });
    const resized = () => plot.current?.setSize({ width: box.current?.clientWidth || 280, height: 72 });
    addEventListener("resize", resized);
    return () => {
      isGone = true;
      removeEventListener("resize", resized);
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, []);
  useEffect(() => plot.current?.setData(data.current), [times.at(-1), limit]);
  return <div ref={box} class="plot" aria-hidden="true" />;
}
