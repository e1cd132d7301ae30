// The difference of two definitions, field by field.

type Value = unknown;

export interface Difference {
  path: string;
  before: string | undefined;
  after: string | undefined;
}

function isRecord(value: Value): value is Record<string, Value> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The leaves of a value; members of lists have their names in the path, or their places. */
function leaves(value: Value, path: string, found: Map<string, string>): void {
  if (isRecord(value) && Object.keys(value).length) {
    for (const [name, member] of Object.entries(value)) leaves(member, `${path}/${name}`, found);
  } else if (Array.isArray(value) && value.some(isRecord)) {
    value.forEach((member, index) => {
      const name = isRecord(member) && typeof member.name === "string" ? member.name : String(index);
      leaves(member, `${path}(${name})`, found);
    });
  } else found.set(path || "/", JSON.stringify(value));
}

export function differences(before: Value, after: Value): Difference[] {
  const old = new Map<string, string>();
  const now = new Map<string, string>();
  leaves(before, "", old);
  leaves(after, "", now);
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((path) => path !== "/version" && old.get(path) !== now.get(path))
    .map((path) => ({ path, before: old.get(path), after: now.get(path) }));
}

export function Diff({
  rows,
}: {
  rows: readonly { path: string; before?: string; after?: string; hidden?: boolean }[];
}) {
  if (!rows.length) return <p class="faint">No field differs.</p>;
  return (
    <div class="scroll">
      <table class="diff">
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Before</th>
            <th scope="col">After</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((each) => (
            <tr key={each.path}>
              <th scope="row">
                <code>{each.path}</code>
              </th>
              <td class="before">{side("−", each.before, each.hidden)}</td>
              <td class="after">{side("+", each.after, each.hidden)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function side(sign: string, value: string | undefined, hidden: boolean | undefined) {
  if (hidden) return <span class="faint">not shown</span>;
  if (value === undefined) return <span class="faint">–</span>;
  return (
    <code>
      {sign} {value}
    </code>
  );
}
