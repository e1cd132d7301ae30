// What a container writes, as it comes: followed over restarts, searched, with its colours.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { ApiError, podPath, request } from "../../api";
import { Command, Failure } from "../../parts/basic";
import { pieces } from "../../parts/ansi";
import { shortId } from "../../parts/ids";

const LINE = 19; // pixels
const MOST = 20_000; // lines kept; the first ones are dropped
const SPARE = 20; // lines outside of the window
const PAUSE = 2000; // milliseconds until a lost stream is opened again
const REDRAW = 100; // milliseconds between two changes of the page

interface Line {
  number: number;
  text: string;
  kind: "stdout" | "stderr" | "note";
  time?: string | undefined; // of lines that were read while they were written
}

interface LogRecord {
  stream?: "stdout" | "stderr";
  line?: string;
  time?: string;
  event?: string;
  message?: string;
}

function useLines(
  path: string,
  query: Record<string, string | boolean>,
): { lines: Line[]; error: unknown; isOpen: boolean } {
  const [state, setState] = useState<{ lines: Line[]; error: unknown; isOpen: boolean }>({
    lines: [],
    error: undefined,
    isOpen: false,
  });
  const key = JSON.stringify(query);
  useEffect(() => {
    const ended = new AbortController();
    let lines: Line[] = [];
    let number = 0;
    let timer: number | undefined;
    const draw = () => {
      timer ??= window.setTimeout(() => {
        timer = undefined;
        setState((before) => ({ ...before, lines }));
      }, REDRAW);
    };
    const add = (text: string, kind: Line["kind"], time?: string) => {
      number += 1;
      const line = { number, text, kind, time };
      lines = lines.length >= MOST ? [...lines.slice(MOST / 10), line] : lines.concat(line);
      draw();
    };
    const follow = async (isFirst: boolean) => {
      const wanted = { ...query, ...(isFirst ? {} : { tail: "0" }) };
      const answer = await request(path, { query: wanted, signal: ended.signal });
      setState((before) => ({ ...before, error: undefined, isOpen: true }));
      if (!isFirst) add("followed again: lines in between may be missing", "note");
      const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      while (reader) {
        const { done, value } = await reader.read();
        if (done) return;
        const found = (rest + value).split("\n");
        rest = found.pop() ?? "";
        for (const each of found) {
          if (!each.trim()) continue;
          const record: LogRecord = JSON.parse(each);
          if (record.line !== undefined)
            add(record.line, record.stream === "stderr" ? "stderr" : "stdout", record.time);
          else add(`${record.event ?? ""}${record.message ? `: ${record.message}` : ""}`, "note");
        }
      }
    };
    const run = async () => {
      for (let isFirst = true; !ended.signal.aborted; isFirst = false) {
        try {
          await follow(isFirst);
          setState((before) => ({ ...before, isOpen: false }));
          return; // it ends when no more launches will happen, or with the previous run
        } catch (error) {
          if (ended.signal.aborted) return;
          setState((before) => ({ ...before, error, isOpen: false }));
          const isFinal = error instanceof ApiError && error.status >= 400 && error.status < 500;
          if (!query.follow || isFinal) return;
          await new Promise((done) => setTimeout(done, PAUSE));
        }
      }
    };
    setState({ lines: [], error: undefined, isOpen: false });
    void run();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [path, key]);
  return state;
}

export function Log({ pod, instance, container }: { pod: string; instance: string; container: string }) {
  const [stream, setStream] = useState("both");
  const [isPrevious, setPrevious] = useState(false);
  const [text, setText] = useState("");
  const [isFollowing, setFollowing] = useState(true);
  const [isTimed, setTimed] = useState(false);
  const how = isPrevious ? { previous: true } : { follow: true, timestamps: true };
  const query = { instance, container, stream, tail: "2000", ...how };
  const { lines, error, isOpen } = useLines(podPath(pod, "::logs"), query);
  const wanted = text.toLowerCase();
  const shown = useMemo(
    () => (wanted ? lines.filter((each) => each.text.toLowerCase().includes(wanted)) : lines),
    [lines, wanted],
  );
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  useLayoutEffect(() => {
    if (box.current) setHeight(box.current.clientHeight);
    if (isFollowing && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [shown.length, isFollowing]);
  const scrolled = () => {
    if (!box.current) return;
    setTop(box.current.scrollTop);
    setFollowing(box.current.scrollTop + box.current.clientHeight >= box.current.scrollHeight - 2 * LINE);
  };
  const from = Math.max(0, Math.floor(top / LINE) - SPARE);
  const to = Math.ceil((top + height) / LINE) + SPARE;
  const said = isPrevious ? "previous run" : isOpen ? "following" : lines.length ? "ended" : "waiting";
  return (
    <section aria-label="Log">
      <div class="filter">
        <label>
          <span class="hidden">Search the log</span>
          <input
            type="search"
            placeholder="Search  /"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <label>
          <span class="hidden">Stream</span>
          <select value={stream} onChange={(event) => setStream(event.currentTarget.value)}>
            <option value="both">stdout and stderr</option>
            <option value="stdout">stdout</option>
            <option value="stderr">stderr</option>
          </select>
        </label>
        <label>
          <input type="checkbox" checked={isPrevious} onChange={(event) => setPrevious(event.currentTarget.checked)} />{" "}
          previous run
        </label>
        {!isPrevious && (
          <label title="Mesos keeps no times: only lines that are written while this page follows them have one">
            <input type="checkbox" checked={isTimed} onChange={(event) => setTimed(event.currentTarget.checked)} />{" "}
            times
          </label>
        )}
        {!isFollowing && !isPrevious && (
          <button type="button" onClick={() => setFollowing(true)}>
            ↓ To the newest line
          </button>
        )}
        <span class="faint" role="status">
          {said}, {wanted ? `${shown.length} of ` : ""}
          {lines.length} {lines.length === 1 ? "line" : "lines"}
        </span>
        <Command text={`podexec pod logs ${pod} -c ${container} --instance ${shortId(instance)} -f`} />
      </div>
      <Failure error={error} />
      <div ref={box} class="log" tabIndex={0} role="log" aria-live="off" aria-label="Lines" onScroll={scrolled}>
        <div class="lines" style={{ height: `${shown.length * LINE}px` }}>
          {shown.slice(from, to).map((line, index) => (
            <div key={line.number} class={`line ${line.kind}`} style={{ top: `${(from + index) * LINE}px` }}>
              {isTimed && !isPrevious && <WrittenAt time={line.time} />}
              {line.kind === "stderr" && (
                <span class="mark" title="stderr">
                  e{" "}
                </span>
              )}
              {line.kind === "note" && <span class="mark">— </span>}
              {pieces(line.text).map((piece) =>
                piece.className ? <span class={piece.className}>{piece.text}</span> : piece.text,
              )}
            </div>
          ))}
        </div>
      </div>
    </section>
  );
}

function WrittenAt({ time }: { time: string | undefined }) {
  const at = new Date(time ?? "");
  if (Number.isNaN(at.getTime())) return <span class="mark">{"--:--:-- "}</span>;
  return (
    <time class="mark" dateTime={at.toISOString()} title={at.toISOString()}>
      {at.toLocaleTimeString(undefined, { hourCycle: "h23" })}{" "}
    </time>
  );
}
