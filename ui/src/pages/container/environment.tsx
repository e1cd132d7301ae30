// The environment that the definition gives a container. Values are hidden until somebody asks: they may be secrets.

import { useState } from "preact/hooks";
import { visible } from "../../parts/ansi";
import type { Json } from "../../api";

const DOTS = "••••••";

export function Environment({ variables }: { variables: Record<string, Json> }) {
  const [shown, setShown] = useState<ReadonlySet<string>>(new Set());
  const names = Object.keys(variables).sort();
  if (!names.length) return <p class="faint">The definition gives this container no variables of its own.</p>;
  return (
    <div class="scroll">
      <table class="list">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {names.map((name) => {
            const value = variables[name];
            return (
              <tr key={name}>
                <th scope="row">
                  <code>{visible(name)}</code>
                </th>
                <td>
                  {typeof value !== "string" ? (
                    <span class="faint">{DOTS} a secret, which the scheduler does not show</span>
                  ) : shown.has(name) ? (
                    <code>{visible(value)}</code>
                  ) : (
                    <>
                      {DOTS}{" "}
                      <button
                        type="button"
                        class="quiet"
                        aria-label={`Show ${visible(name)}`}
                        onClick={() => setShown(new Set([...shown, name]))}
                      >
                        show
                      </button>
                    </>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
