// A resource of an agent as a bar of its parts, and in words.

import type { Amounts } from "../types";

export const RESOURCES = ["cpus", "mem", "disk", "gpus", "ports"] as const;
export type Resource = (typeof RESOURCES)[number];

export const NAMES: Record<Resource, string> = {
  cpus: "CPUs",
  mem: "Memory",
  disk: "Disk",
  gpus: "GPUs",
  ports: "Ports",
};
const PARTS: [keyof Amounts, string][] = [
  ["used", "used"],
  ["reserved", "reserved for this framework"],
  ["reservedForOthers", "reserved for others"],
  ["free", "free"],
];

function isSize(name: Resource): boolean {
  return name === "mem" || name === "disk";
}

function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** An amount with its unit, if it has one: memory and disks are in MiB. */
export function amount(name: Resource, value: number): string {
  if (!isSize(name)) return short(value);
  if (value < 1024) return `${Math.round(value)} MiB`;
  return value < 1024 ** 2 ? `${short(value / 1024)} GiB` : `${short(value / 1024 ** 2)} TiB`;
}

/** What this framework can use: unused, and unreserved or reserved for it. */
export function room(amounts: Amounts | undefined): number {
  return (amounts?.free ?? 0) + (amounts?.reserved ?? 0);
}

/** What is free of the total, e.g. "3.5 of 4 GiB". */
function free(name: Resource, amounts: Amounts): string {
  const [part = "", unit] = amount(name, room(amounts)).split(" ");
  const total = amount(name, amounts.total);
  return `${unit && !total.endsWith(unit) ? `${part} ${unit}` : part} of ${total}`;
}

export function Share({ name, amounts, long }: { name: Resource; amounts: Amounts | undefined; long?: boolean }) {
  if (!amounts) return <span class="faint">–</span>;
  const parts = PARTS.filter(([part]) => amounts[part]);
  const words = parts.map(([part, said]) => `${amount(name, amounts[part] ?? 0)} ${said}`).join(", ");
  return (
    <span class="bar" title={`${NAMES[name]}: ${words || "none"}`}>
      <span class="segments" aria-hidden="true">
        {parts.map(([part]) => (
          <span key={part} class={`segment part-${part}`} style={{ flexGrow: amounts[part] }} />
        ))}
      </span>
      <span class="words">
        {long ? `${words || "none"}; ${amount(name, amounts.total)} in all` : free(name, amounts)}
      </span>
    </span>
  );
}
