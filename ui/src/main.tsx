// The page: who is there, where one is, and what is shown of it.

import { render } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import "./style.css";
import { type ApiError, get, request, whenLoggedOut } from "./api";
import { PLACES, usePlaces } from "./keys";
import { Login } from "./login";
import { Failure } from "./parts/basic";
import { Agents } from "./pages/agents";
import { Agent } from "./pages/agents/agent";
import { Container } from "./pages/container";
import { Deployments } from "./pages/deployments";
import { Events } from "./pages/events";
import { Pod } from "./pages/pod";
import { Pods } from "./pages/pods";
import { Queue } from "./pages/queue";
import { href, useRoute } from "./route";
import { live, useConnection } from "./state";
import { Age } from "./time";
import { nextTheme, type Theme, useTheme } from "./theme";
import type { Session } from "./types";

function App() {
  const [session, setSession] = useState<Session>();
  const [refusal, setRefusal] = useState<ApiError>();
  const [error, setError] = useState<unknown>();
  const load = useCallback(async () => {
    try {
      setSession(await get<Session>("session"));
      setRefusal(undefined);
      setError(undefined);
    } catch (problem) {
      if ((problem as ApiError).status === 401) setRefusal(problem as ApiError);
      else setError(problem);
    }
  }, []);
  useEffect(() => {
    whenLoggedOut((problem) => {
      live.stop();
      setSession(undefined);
      setRefusal(problem);
    });
    void load();
  }, []);
  useEffect(() => {
    if (!session) return;
    live.start();
    return () => live.stop();
  }, [session]);
  if (refusal) return <Login refusal={refusal} done={() => void load()} />;
  if (!session)
    return <main>{error ? <Failure error={error} retry={() => void load()} /> : <p role="status">Loading…</p>}</main>;
  return <Frame session={session} left={() => void load()} />;
}

function Frame({ session, left }: { session: Session; left: () => void }) {
  const route = useRoute();
  const [isHelping, setHelping] = useState(false);
  const [theme, setTheme] = useTheme();
  const connection = useConnection();
  usePlaces(() => setHelping(true));
  useEffect(() => {
    const name = Object.values(PLACES).find(([page]) => page === route.page)?.[1];
    document.title = `${route.id || name || "podexec"} – podexec`;
  }, [route.page, route.id]);
  const logOut = async () => {
    await request("session", { method: "DELETE" });
    left();
  };
  return (
    <div class={connection.state === "lost" ? "lost" : ""}>
      <a
        class="skip"
        href="#main"
        onClick={(event) => (event.preventDefault(), document.getElementById("main")?.focus())}
      >
        Skip to the content
      </a>
      <header>
        <a class="brand" href={href("pods")}>
          podexec
        </a>
        <nav aria-label="Pages">
          {Object.values(PLACES)
            .filter(([page]) => PAGES[page] && (page !== "new" || session.permissions.includes("operate")))
            .map(([page, label]) => (
              <a href={href(page)} aria-current={route.page === page ? "page" : undefined}>
                {label}
              </a>
            ))}
        </nav>
        <span class="tools">
          {session.user && <span class="faint">{session.user}</span>}
          {session.isSession && (
            <button type="button" class="quiet" onClick={() => void logOut()}>
              Log out
            </button>
          )}
          <ThemeButton theme={theme} set={setTheme} />
          <button type="button" class="quiet" aria-label="Keyboard help" onClick={() => setHelping(true)}>
            ?
          </button>
        </span>
      </header>
      {connection.state === "lost" && (
        <div class="note warn banner" role="alert">
          <span aria-hidden="true">▲ </span>No connection to the scheduler since <Age at={connection.since} />. What is
          shown may be out of date; it is renewed as soon as the scheduler answers.
        </div>
      )}
      <main id="main" tabIndex={-1}>
        {show(route)}
      </main>
      {isHelping && <Help close={() => setHelping(false)} />}
    </div>
  );
}

type PageComponent = (props: { route: Shown }) => preact.JSX.Element | null;

/** A page whose script is loaded when it is first shown. */
function lazily(load: () => Promise<PageComponent>): PageComponent {
  return function Loading({ route }) {
    const [page, setPage] = useState<{ Page: PageComponent }>();
    useEffect(() => void load().then((Page) => setPage({ Page })), []);
    return page ? <page.Page route={route} /> : <p role="status">Loading…</p>;
  };
}

type Shown = ReturnType<typeof useRoute>;
const PAGES: Record<string, PageComponent> = {
  pods: Pods,
  pod: Pod,
  container: Container,
  deployments: Deployments,
  queue: Queue,
  agents: Agents,
  agent: Agent,
  events: Events,
  edit: lazily(() => import("./pages/edit").then(({ Edit }) => Edit)),
  new: lazily(() => import("./pages/edit").then(({ Edit }) => Edit)),
};

function show(route: Shown) {
  const Page = PAGES[route.page];
  if (Page) return <Page key={`${route.page} ${route.id}`} route={route} />;
  return (
    <p>
      There is no page “{route.page}”. <a href={href("pods")}>All pods</a>
    </p>
  );
}

function ThemeButton({ theme, set }: { theme: Theme; set: (theme: Theme) => void }) {
  return (
    <button
      type="button"
      class="quiet"
      aria-label={`Colours: ${theme}; change`}
      title={`Colours: ${theme}`}
      onClick={() => set(nextTheme(theme))}
    >
      {{ system: "◑", light: "☀", dark: "☾" }[theme]}
    </button>
  );
}

function Help({ close }: { close: () => void }) {
  const keys: [string, string][] = [
    ["/", "filter"],
    ["j k", "next and previous row"],
    ["Enter", "open the row"],
    ...Object.entries(PLACES)
      .filter(([, [page]]) => PAGES[page])
      .map(([key, [, label]]): [string, string] => [`g ${key}`, label]),
    ["?", "this help"],
    ["Esc", "close"],
  ];
  return (
    <dialog ref={(dialog) => void (dialog?.open || dialog?.showModal())} onClose={close} aria-labelledby="keys">
      <h2 id="keys">Keyboard</h2>
      <dl class="facts">
        {keys.map(([key, what]) => (
          <div>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div class="buttons">
        <a href="../docs">The API</a>
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
    </dialog>
  );
}

const app = document.getElementById("app");
if (app) render(<App />, app);
