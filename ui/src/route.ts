// Where one is: the part of the address behind `#`, so that the page is always the same file. Filters are part of it.

import { useEffect, useState } from "preact/hooks";

export interface Route {
  page: string;
  /** The rest of the path, e.g. a pod's id: empty, or with its first slash. */
  id: string;
  query: URLSearchParams;
}

export function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [page = "", ...rest] = path.split("/");
  let id = rest.join("/");
  try {
    id = rest.map(decodeURIComponent).join("/");
  } catch {
    // Typed by hand: taken as it is.
  }
  if (!page || page === "apps") return { page: "pods", id: "", query: new URLSearchParams(query) }; // apps: of Marathon
  return { page, id: id && `/${id}`, query: new URLSearchParams(query) };
}

export function href(page: string, id = "", query: Record<string, string | undefined> = {}): string {
  const path = [page, ...id.split("/").filter(Boolean).map(encodeURIComponent)].join("/");
  const given = Object.entries(query).filter((each): each is [string, string] => Boolean(each[1]));
  return `#/${path}${given.length ? `?${new URLSearchParams(given)}` : ""}`;
}

export function go(to: string): void {
  location.hash = to;
}

/** Change the query in place, without a step in the browser's history. */
export function refine(change: Record<string, string | undefined>): void {
  const now = parse(location.hash);
  for (const [name, value] of Object.entries(change))
    if (value) now.query.set(name, value);
    else now.query.delete(name);
  history.replaceState(null, "", href(now.page, now.id, Object.fromEntries(now.query)));
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return parse(hash);
}
