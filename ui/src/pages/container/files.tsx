// A container's sandbox: its directories, and the beginning of its files.

import { useState } from "preact/hooks";
import { address, get, podPath, request } from "../../api";
import { visible } from "../../parts/ansi";
import { Command, Failure } from "../../parts/basic";
import { shortId } from "../../parts/ids";
import { href } from "../../route";
import { useLoaded } from "../../state";
import { Age } from "../../time";

const READ = 256 * 1024; // bytes that are shown of a file

interface SandboxFile {
  name: string;
  kind: "file" | "directory" | "other";
  mode: string;
  size: number;
  modified: string;
  user: string;
  group: string;
}

function sized(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit ? value.toFixed(1) : value} ${units[unit]}`;
}

interface Props {
  pod: string;
  instance: string;
  container: string;
  path: string;
}

export function Files({ pod, instance, container, path }: Props) {
  const [opened, setOpened] = useState<string>();
  const { data, error, reload } = useLoaded(
    (signal) => get<SandboxFile[]>(podPath(pod, "::files"), { instance, container, path }, signal),
    [pod, instance, container, path],
  );
  const to = (path: string) => href("container", pod, { instance, container, tab: "files", path });
  const parts = path.split("/").filter(Boolean);
  const below = (name: string) => [...parts, name].join("/");
  return (
    <section aria-label="Files">
      <div class="title">
        <nav aria-label="Directory">
          <a href={to("")}>sandbox</a>
          {parts.map((part, index) => (
            <>
              {" / "}
              <a href={to(parts.slice(0, index + 1).join("/"))}>{visible(part)}</a>
            </>
          ))}
        </nav>
        <button type="button" class="quiet" onClick={reload}>
          Load again
        </button>
        <Command text={`podexec pod files ${pod} ${path || "."} -c ${container} --instance ${shortId(instance)}`} />
      </div>
      <Failure error={error} />
      {data && (
        <div class="scroll">
          <table class="list">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Size</th>
                <th scope="col">Changed</th>
                <th scope="col">Mode</th>
                <th scope="col">Owner</th>
                <th scope="col">
                  <span class="hidden">Download</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {data.map((each) => (
                <tr key={each.name}>
                  <th scope="row">
                    {each.kind === "directory" ? (
                      <a href={to(below(each.name))}>{visible(each.name)}/</a>
                    ) : each.kind === "file" ? (
                      <button type="button" class="link" onClick={() => setOpened(below(each.name))}>
                        {visible(each.name)}
                      </button>
                    ) : (
                      visible(each.name)
                    )}
                  </th>
                  <td class="number">{each.kind === "file" ? sized(each.size) : ""}</td>
                  <td>
                    <Age at={each.modified} suffix=" ago" />
                  </td>
                  <td>
                    <code>{each.mode}</code>
                  </td>
                  <td>
                    {visible(each.user)} {visible(each.group)}
                  </td>
                  <td>
                    {each.kind === "file" && (
                      <a
                        href={
                          address(podPath(pod, "::files/read"), { instance, container, path: below(each.name) }).href
                        }
                        download={each.name}
                        aria-label={`Download ${visible(each.name)}`}
                      >
                        download
                      </a>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {data?.length === 0 && <p class="faint">This directory is empty.</p>}
      {opened !== undefined && <Content pod={pod} instance={instance} container={container} path={opened} />}
    </section>
  );
}

function Content({ pod, instance, container, path }: Props) {
  const { data, error } = useLoaded(
    async (signal) => {
      const query = { instance, container, path, length: READ };
      return (await request(podPath(pod, "::files/read"), { query, signal })).arrayBuffer();
    },
    [pod, instance, container, path],
  );
  return (
    <>
      <h2>{visible(path)}</h2>
      <Failure error={error} />
      {data && (
        <pre class="code" tabIndex={0} aria-label="Content">
          {visible(new TextDecoder().decode(data))}
        </pre>
      )}
      {data && data.byteLength >= READ && <p class="faint">Only the first {sized(READ)} are shown.</p>}
    </>
  );
}
