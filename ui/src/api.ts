// Requests to the scheduler's API. All addresses are relative to the page, which a proxy may serve below any path.

/** The folder that the API is in: the page is in its folder `ui/`. */
export const ROOT = new URL("../", new URL(".", document.baseURI));

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A refusal by the scheduler, or `status` 0: it does not answer. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly details: readonly Problem[] = [],
    readonly challenges = "",
  ) {
    super(message);
  }
}

export interface Problem {
  path: string;
  errors: string[];
}

let onLogout: (error: ApiError) => void = () => {};

/** Have a function called whenever a request is refused because nobody is logged in. */
export function whenLoggedOut(call: (error: ApiError) => void): void {
  onLogout = call;
}

export function address(path: string, query: Query = {}): URL {
  const url = new URL(path, ROOT);
  for (const [name, value] of Object.entries(query))
    for (const each of Array.isArray(value) ? value : [value])
      if (each !== undefined && each !== false && each !== "") url.searchParams.append(name, String(each));
  return url;
}

export type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

export interface Options {
  method?: string;
  query?: Query;
  json?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** The answer, if it is a success. Throws ApiError. */
export async function request(path: string, options: Options = {}): Promise<Response> {
  const headers: Record<string, string> = { "X-Requested-With": "podexec-ui", ...options.headers };
  const init: RequestInit = { method: options.method ?? "GET", headers, credentials: "same-origin", cache: "no-store" };
  if (options.json !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(options.json);
  }
  if (options.signal) init.signal = options.signal;
  let answer: Response;
  try {
    answer = await fetch(address(path, options.query), init);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, "The scheduler does not answer. Is it running, and is this machine online?");
  }
  if (answer.ok) return answer;
  const failure = await refusal(answer);
  if (failure.status === 401) onLogout(failure);
  throw failure;
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return (await request(path, { query, ...(signal && { signal }) })).json() as Promise<T>;
}

async function refusal(answer: Response): Promise<ApiError> {
  const challenges = answer.headers.get("WWW-Authenticate") ?? "";
  let message = `The scheduler answered with ${answer.status} ${answer.statusText}.`;
  let details: Problem[] = [];
  try {
    const body = await answer.json();
    if (typeof body.message === "string") message = body.message;
    if (Array.isArray(body.details)) details = body.details;
    else if (typeof body.details === "string") details = [{ path: "/", errors: [body.details] }];
  } catch {
    // A proxy's own page: the status says what is known.
  }
  return new ApiError(answer.status, message, details, challenges);
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The path of a pod's resource; an id has the form `/a/b`. */
export function podPath(id: string, suffix = ""): string {
  return `v2/pods/${id.split("/").filter(Boolean).map(encodeURIComponent).join("/")}${suffix}`;
}
