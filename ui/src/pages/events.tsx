// What happened? The scheduler's event stream, newest first, filtered by type and text.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { visible } from "../parts/ansi";
import { Empty, Title } from "../parts/basic";
import { shortId } from "../parts/ids";
import { Rows } from "../parts/rows";
import { Live, podsOf, type StreamEvent } from "../live";
import { href, refine, type Route } from "../route";
import { Age } from "../time";

const MOST = 10_000; // events kept; the scheduler keeps as many
const REDRAW = 200; // milliseconds between two changes of the page
const ROW = 34; // pixels

export function Events({ route }: { route: Route }) {
  const [events, setEvents] = useState<StreamEvent[]>([]);
  const [isHovered, setHovered] = useState(false);
  const text = route.query.get("text")?.toLowerCase() ?? "";
  const kind = route.query.get("type") ?? "";
  useEffect(() => {
    let all: StreamEvent[] = [];
    let timer: number | undefined;
    const stream = new Live([], 0); // all types, from the oldest that is kept
    const off = stream.events((event) => {
      all.push(event);
      timer ??= window.setTimeout(() => {
        timer = undefined;
        all = all.slice(-MOST);
        setEvents(all);
      }, REDRAW);
    });
    stream.start();
    return () => {
      off();
      stream.stop();
      clearTimeout(timer);
    };
  }, []);
  const kinds = useMemo(() => [...new Set(events.map((each) => each.kind))].sort(), [events]);
  const found = useMemo(
    () =>
      events
        .filter(
          (each) => (!kind || each.kind === kind) && (!text || JSON.stringify(each.data).toLowerCase().includes(text)),
        )
        .reverse(),
    [events, text, kind],
  );
  // Nothing moves under the pointer: new events wait meanwhile.
  const kept = useRef(found);
  if (!isHovered || kept.current.length === 0) kept.current = found;
  const rows = isHovered ? kept.current.filter((each) => !kind || each.kind === kind) : found;
  const hidden = found.length - rows.length;
  return (
    <>
      <Title command="podexec events">Events</Title>
      <search class="filter">
        <label>
          <span class="hidden">Filter by text</span>
          <input
            type="search"
            placeholder="Filter by text  /"
            value={route.query.get("text") ?? ""}
            onInput={(event) => refine({ text: event.currentTarget.value })}
          />
        </label>
        <label>
          <span class="hidden">Type</span>
          <select value={kind} onChange={(event) => refine({ type: event.currentTarget.value })}>
            <option value="">any type</option>
            {(kind && !kinds.includes(kind) ? [kind, ...kinds] : kinds).map((each) => (
              <option value={each}>{each}</option>
            ))}
          </select>
        </label>
      </search>
      <p class="summary" role="status">
        {found.length} {found.length === 1 ? "event" : "events"}
        {hidden > 0 && <strong> {hidden} new: shown when the pointer leaves the list</strong>}
      </p>
      {rows.length === 0 && <Empty title="No event matches, or none has happened yet." />}
      {rows.length > 0 && (
        <Rows
          kind="events"
          label="Events"
          rows={rows}
          height={ROW}
          columns={["Age", "Type", "Pod", "What"]}
          keyOf={(event) => String(event.id)}
          onHover={setHovered}
          render={(event, index) => <EventRow event={event} index={index} />}
        />
      )}
    </>
  );
}

const PLAIN = ["taskStatus", "condition", "message", "reason"]; // what needs no name before it
const NAMED = ["healthy", "host", "clientIp", "remoteAddress", "master"];

/** The members that tell most, in a line. */
function gist(data: Record<string, unknown>): string {
  const of = data.instanceId ?? data.taskId;
  const has = (name: string) => data[name] !== undefined && data[name] !== "";
  return [
    ...(typeof of === "string" && of.includes("instance-") ? [shortId(of)] : []),
    ...PLAIN.filter(has).map((name) => String(data[name])),
    ...NAMED.filter(has).map((name) => `${name} ${data[name]}`),
  ].join(", ");
}

function EventRow({ event, index }: { event: StreamEvent; index: number }) {
  const [pod] = podsOf(event);
  const said = visible(gist(event.data));
  return (
    <div role="row" aria-rowindex={index + 2} class="row" title={visible(JSON.stringify(event.data))}>
      <span role="cell" class="number">
        <Age at={String(event.data.timestamp)} />
      </span>
      <span role="cell">{event.kind.replace(/_event$/, "").replaceAll("_", " ")}</span>
      <span role="cell">{pod && <a href={href("pod", pod)}>{pod}</a>}</span>
      <span role="cell" class="faint">
        {said}
      </span>
    </div>
  );
}
