// Logging in: the credentials are sent once, and nothing of this page keeps them.

import { useState } from "preact/hooks";
import { ApiError, message, request } from "./api";

function basic(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

export function Login({ refusal, done }: { refusal: ApiError; done: () => void }) {
  const takesPasswords = /\bxBasic\b/.test(refusal.challenges);
  const takesTokens = /\bBearer\b/.test(refusal.challenges) || !takesPasswords;
  const [way, setWay] = useState(takesPasswords ? "password" : "token");
  const [state, setState] = useState<{ busy: boolean; error?: unknown }>({ busy: false });
  const submit = async (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(fields.get(name) ?? "");
    const authorization = way === "password" ? basic(text("user"), text("password")) : `Bearer ${text("token").trim()}`;
    setState({ busy: true });
    try {
      await request("session", { method: "POST", headers: { Authorization: authorization } });
      done();
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  const failed =
    state.error instanceof ApiError && state.error.status === 401 ? "These credentials are not valid." : state.error;
  return (
    <main class="login" id="main">
      <h1>podexec</h1>
      <form onSubmit={(event) => void submit(event)}>
        {takesPasswords && takesTokens && (
          <fieldset>
            <legend>Log in with</legend>
            {["password", "token"].map((each) => (
              <label>
                <input type="radio" name="way" checked={way === each} onChange={() => setWay(each)} /> {each}
              </label>
            ))}
          </fieldset>
        )}
        {way === "password" ? (
          <>
            <label>
              User
              <input name="user" autocomplete="username" autofocus required />
            </label>
            <label>
              Password
              <input name="password" type="password" autocomplete="current-password" required />
            </label>
          </>
        ) : (
          <label>
            Token
            <input name="token" type="password" autocomplete="off" autofocus required />
          </label>
        )}
        {failed ? (
          <p class="note bad" role="alert">
            <span aria-hidden="true">✕ </span>
            {message(failed)}
          </p>
        ) : null}
        <button type="submit" class="primary" disabled={state.busy}>
          Log in
        </button>
      </form>
    </main>
  );
}
