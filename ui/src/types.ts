// What the API answers, as far as the interface uses it. docs/api.md describes it.

import type { Json } from "./api";

export type Permission = "view" | "operate" | "admin" | "logs" | "usage" | "files" | "copy" | "exec";

export interface Session {
  user: string | null;
  isSession: boolean;
  permissions: Permission[];
}

export const COUNTS = ["ready", "starting", "unhealthy", "unreachable", "waiting", "ending"] as const;
export type Count = (typeof COUNTS)[number];

export interface PodSummary {
  id: string;
  version?: string;
  asked?: number;
  instances?: Partial<Record<Count, number>>;
  containers?: number;
  agents?: string[];
  labels?: Record<string, string>;
  deployment?: { id: string; paused: boolean };
  backOffUntil?: string;
  lastEnd?: { at: string; message: string };
  message?: string;
}

export interface Endpoint {
  name: string;
  allocatedHostPort?: number;
  healthy?: boolean;
}

export interface ContainerStatus {
  name: string;
  status: string;
  statusSince: string;
  message?: string;
  conditions?: { name: string; value: string }[];
  containerId?: string;
  endpoints?: Endpoint[];
  resources?: Partial<Record<"cpus" | "mem" | "disk" | "gpus", number>>;
  termination?: Termination;
  podexec?: { restarts?: number; detail?: string; checks?: { check: string; passed: boolean; result: string }[] };
}

export interface Termination {
  exitCode?: number;
  message?: string;
}

export interface InstanceStatus {
  resources?: Partial<Record<"cpus" | "mem" | "disk" | "gpus", number>>;
  id: string;
  status: string;
  statusSince: string;
  message?: string;
  agentHostname?: string;
  agentId?: string;
  agentRegion?: string;
  agentZone?: string;
  networks?: { name?: string; addresses?: string[] }[];
  containers?: ContainerStatus[];
  specReference: string;
}

export interface InstanceEnd {
  instanceID: string;
  startedAt?: string;
  terminatedAt?: string;
  message?: string;
  containers?: {
    containerId: string;
    lastKnownState: string;
    termination?: Termination;
    podexec?: { detail?: string };
  }[];
}

export interface Definition {
  id: string;
  version?: string;
  labels?: Record<string, string>;
  environment?: Record<string, Json>;
  scaling?: { kind?: string; instances?: number };
  containers: ContainerDefinition[];
  [key: string]: unknown;
}

export interface ContainerDefinition {
  name: string;
  environment?: Record<string, Json>;
  resources?: { cpus?: number; mem?: number };
  endpoints?: { name: string; protocol?: string[]; labels?: Record<string, string> }[];
  [key: string]: unknown;
}

export interface PodStatus {
  id: string;
  spec: Definition;
  status: string;
  statusSince: string;
  instances?: InstanceStatus[];
  terminationHistory?: InstanceEnd[];
  podexec?: { onHold?: string };
}

export interface Funnel {
  reason: string;
  declined: number;
  processed: number;
}

export interface QueueEntry {
  count: number;
  role: string;
  since: string;
  delay: { timeLeftSeconds: number; overdue: boolean };
  pod: { id: string };
  processedOffersSummary: {
    processedOffersCount: number;
    unusedOffersCount: number;
    lastUnusedOfferAt?: string;
    rejectSummaryLastOffers: Funnel[];
  };
  podexec?: {
    nearest?: Miss[];
    lastTermination?: string;
  };
}

/** The best offer for a reason not to use one. */
export interface Miss {
  reason: string;
  asked: string;
  offered: string;
  agents: number;
}

export interface Deployment {
  id: string;
  version: string;
  affectedPods: string[];
  steps: { actions: { action: string; pod: string }[] }[];
  currentStep: number;
  totalSteps: number;
  currentActions: {
    action: string;
    pod: string;
    podexec?: {
      waitingFor?: string[];
      ending?: { instance: string; agent?: string }[];
      notEnding?: { id: string; message: string }[];
    };
  }[];
  podexec?: {
    paused?: boolean;
    deadline?: string;
    secondsToDeadline?: number;
    batchSize?: number;
    reverts?: string;
  };
}

export interface Used {
  takenAt?: number;
  cpuSeconds?: number;
  cpusLimit?: number;
  memoryBytes?: number;
  memoryLimitBytes?: number;
  processes?: number;
}

export interface InstanceUsage {
  instance: string;
  message?: string;
  agent?: string;
  total?: Used;
  containers: { name: string; used: Used; requested?: { cpus: number; mem: number } }[];
}

export interface HistoryEntry {
  at: string;
  action: string;
  version: string;
  user?: string;
  clientIp?: string;
  deploymentId?: string;
}

export interface Info {
  name: string;
  version: string;
  elected: boolean;
  leader: string | null;
  frameworkId: string | null;
  podexec?: {
    mesos?: { version: string | null; master: string | null; connected: boolean };
    onHold?: string;
    config?: { strict_definitions?: boolean };
  };
}

export interface Amounts {
  total: number;
  used?: number;
  free?: number;
  reserved?: number;
  reservedForOthers?: number;
}

export interface AgentInstance {
  id: string;
  pod: string;
  state?: string;
  hasVolumes?: boolean;
  message?: string;
}

export interface Agent {
  id: string;
  hostname: string;
  state: string;
  address?: string;
  region?: string;
  zone?: string;
  version?: string;
  registeredAt?: string;
  attributes: { name: string; text: string }[];
  resources: Partial<Record<"cpus" | "mem" | "disk" | "gpus" | "ports", Amounts>>;
  instances: AgentInstance[];
  drain?: { state: string; since?: string; maxGracePeriodSeconds?: number; markGone: boolean };
  maintenance?: { start: string; end?: string };
}

export interface Agents {
  source: "master" | "scheduler";
  problems: string[];
  agents: Agent[];
}
