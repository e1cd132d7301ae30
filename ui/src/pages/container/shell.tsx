// A shell in a container: xterm.js, which is loaded when it is needed, on the scheduler's WebSocket.

import { useEffect, useRef, useState } from "preact/hooks";
import { address, podPath } from "../../api";
import { Command, Note } from "../../parts/basic";
import { shortId } from "../../parts/ids";
import { isDark } from "../../theme";
import { stylesByRules } from "./styled";

const SHELLS = "exec $(command -v bash || echo sh)";
const STDOUT = 1;
const STDERR = 2;
const LARGEST = 32 * 1024; // bytes of input in a message

export function Shell({ pod, instance, container }: { pod: string; instance: string; container: string }) {
  const box = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<{ is: "opening" | "open" | "ended"; message?: string }>({ is: "opening" });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let close = () => {};
    let isGone = false;
    setState({ is: "opening" });
    void Promise.all([import("@xterm/xterm"), import("@xterm/addon-fit"), import("@xterm/xterm/css/xterm.css")]).then(
      ([{ Terminal }, { FitAddon }]) => {
        if (isGone || !box.current) return;
        const endStyles = stylesByRules();
        const terminal = new Terminal({
          fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"),
          fontSize: 13,
          screenReaderMode: true,
          theme: isDark() ? { background: "#1c1f23", foreground: "#e6e7e9", cursor: "#e6e7e9" } : LIGHT,
        });
        const fit = new FitAddon();
        terminal.loadAddon(fit);
        const place = box.current;
        terminal.open(place);
        fit.fit();
        const url = address(podPath(pod, "::exec"), { instance, container });
        url.protocol = url.protocol.replace("http", "ws");
        const socket = new WebSocket(url);
        socket.binaryType = "arraybuffer";
        const send = (text: string | Uint8Array<ArrayBuffer>) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(text);
        };
        socket.onopen = () => {
          const { rows, cols: columns } = terminal;
          send(JSON.stringify({ command: ["sh", "-c", SHELLS], terminal: { rows, columns, type: "xterm-256color" } }));
        };
        socket.onmessage = ({ data }) => {
          if (typeof data !== "string") {
            const bytes = new Uint8Array(data);
            if (bytes[0] === STDOUT || bytes[0] === STDERR) terminal.write(bytes.subarray(1));
            return;
          }
          const told = JSON.parse(data);
          if (told.started) {
            setState({ is: "open" });
            terminal.focus();
          } else if (told.error) setState({ is: "ended", message: told.error });
          else if (told.exit !== undefined)
            setState({ is: "ended", message: `The shell ended with exit code ${told.exit}.` });
        };
        socket.onclose = () =>
          setState((before) =>
            before.is === "ended"
              ? before
              : { is: "ended", message: "The connection has ended, or the scheduler refused it." },
          );
        const typed = terminal.onData((text) => {
          const bytes = new TextEncoder().encode(text);
          for (let at = 0; at < bytes.length; at += LARGEST) send(bytes.slice(at, at + LARGEST));
        });
        const resized = terminal.onResize(({ rows, cols: columns }) =>
          send(JSON.stringify({ resize: { rows, columns } })),
        );
        const observer = new ResizeObserver(() => fit.fit());
        observer.observe(place);
        close = () => {
          observer.disconnect();
          typed.dispose();
          resized.dispose();
          socket.onclose = null;
          socket.close();
          terminal.dispose();
          endStyles();
        };
      },
    );
    return () => {
      isGone = true;
      close();
    };
  }, [pod, instance, container, attempt]);
  return (
    <section aria-label="Shell">
      <Command text={`podexec pod exec -it ${pod} -c ${container} --instance ${shortId(instance)} -- sh`} />
      {state.is === "ended" && (
        <Note tone="idle">
          <p>{state.message}</p>
          <button type="button" onClick={() => setAttempt(attempt + 1)}>
            Open another shell
          </button>
        </Note>
      )}
      {state.is === "opening" && <p role="status">Opening a shell…</p>}
      <div ref={box} class="terminal-box" />
    </section>
  );
}

const LIGHT = {
  background: "#ffffff",
  foreground: "#1d1f21",
  cursor: "#1d1f21",
  selectionBackground: "#b9d3ee",
  yellow: "#8a5a00",
  brightYellow: "#8a5a00",
  white: "#5d6066",
  brightWhite: "#1d1f21",
};
