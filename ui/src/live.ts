// The scheduler's event stream: read once for all pages, resumed by the number of the last event after a lost connection.

import { ApiError, request } from "./api";

export interface StreamEvent {
  id: number;
  kind: string;
  data: Record<string, unknown>;
}

/** `lost`: since when; pages show it, and load again when it is `open`. */
export type Connection = { state: "connecting" | "open" } | { state: "lost"; since: number };

const QUIET = 40_000; // milliseconds; the scheduler sends a comment after 15 s of silence
const SHORTEST_PAUSE = 500;
const LONGEST_PAUSE = 8_000;
// What changes something that is shown. Without the others the scheduler sends a fraction.
const KINDS = [
  "instance_changed_event",
  "instance_health_changed_event",
  "unknown_instance_terminated_event",
  "pod_created_event",
  "pod_updated_event",
  "pod_deleted_event",
  "deployment_info",
  "deployment_step_success",
  "deployment_success",
  "deployment_failed",
  "app_terminated_event",
  "scheduler_registered_event",
  "scheduler_reregistered_event",
  "scheduler_disconnected_event",
];

export class Live {
  connection: Connection = { state: "connecting" };
  private last: number | undefined;
  private stopping = new AbortController();
  private readonly onEvent = new Set<(event: StreamEvent) => void>();
  private readonly onConnection = new Set<(connection: Connection) => void>();

  constructor(
    private readonly kinds: readonly string[] = KINDS,
    from?: number,
  ) {
    this.last = from;
  }

  start(): void {
    this.stopping = new AbortController();
    void this.run(this.stopping.signal);
  }

  stop(): void {
    this.stopping.abort();
  }

  events(call: (event: StreamEvent) => void): () => void {
    this.onEvent.add(call);
    return () => this.onEvent.delete(call);
  }

  connections(call: (connection: Connection) => void): () => void {
    this.onConnection.add(call);
    return () => this.onConnection.delete(call);
  }

  private set(connection: Connection): void {
    this.connection = connection;
    for (const call of this.onConnection) call(connection);
  }

  private async run(stopping: AbortSignal): Promise<void> {
    let pause = SHORTEST_PAUSE;
    while (!stopping.aborted) {
      try {
        await this.follow(stopping, () => {
          pause = SHORTEST_PAUSE;
        });
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return;
      }
      if (stopping.aborted) return;
      if (this.connection.state !== "lost") this.set({ state: "lost", since: Date.now() });
      await new Promise((done) => setTimeout(done, pause));
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
  }

  private async follow(stopping: AbortSignal, opened: () => void): Promise<void> {
    const silent = new AbortController();
    let watch = setTimeout(() => silent.abort(), QUIET);
    const answer = await request("v2/events", {
      query: { event_type: this.kinds, embed: "podexec", lastEventId: this.last },
      headers: { Accept: "text/event-stream" },
      signal: AbortSignal.any([stopping, silent.signal]),
    });
    if (!answer.body) return;
    opened();
    this.set({ state: "open" });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(watch);
        watch = setTimeout(() => silent.abort(), QUIET);
        rest += value;
        const blocks = rest.split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) this.take(block);
      }
    } finally {
      clearTimeout(watch);
    }
  }

  private take(block: string): void {
    const fields = new Map(
      block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
    );
    const kind = fields.get("event");
    if (!kind) return;
    const id = Number(fields.get("id"));
    this.last = id;
    const event = { id, kind, data: JSON.parse(fields.get("data") ?? "{}") };
    for (const call of this.onEvent) call(event);
  }
}

/** The pods that an event is about; an empty list: it is about the scheduler. */
export function podsOf(event: StreamEvent): string[] {
  const { runSpecId, appId, uri, plan } = event.data as {
    runSpecId?: string;
    appId?: string;
    uri?: string;
    plan?: { steps?: { actions?: { pod?: string }[] }[] };
  };
  const named = [runSpecId, appId].filter((each) => typeof each === "string");
  if (named.length) return named;
  if (plan)
    return (plan.steps ?? []).flatMap((step) => (step.actions ?? []).flatMap((each) => (each.pod ? [each.pod] : [])));
  const path = typeof uri === "string" ? /^\/v2\/pods\/+([^:?]*)/.exec(uri)?.[1] : undefined;
  return path ? [`/${decodeURIComponent(path).split("/").filter(Boolean).join("/")}`] : [];
}
