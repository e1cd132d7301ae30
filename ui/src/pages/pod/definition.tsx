// The pod's definition as JSON or YAML, to read and to copy.

import { useEffect, useState } from "preact/hooks";
import { Command, Copy } from "../../parts/basic";
import type { Definition as PodDefinition } from "../../types";

export function Definition({ spec }: { spec: PodDefinition }) {
  const [form, setForm] = useState<"JSON" | "YAML">("JSON");
  const [yaml, setYaml] = useState("");
  useEffect(() => {
    if (form === "YAML") void import("../../parts/yaml").then(({ toYaml }) => setYaml(toYaml(spec)));
  }, [form, spec]);
  const text = form === "JSON" ? JSON.stringify(spec, null, 2) : yaml;
  return (
    <>
      <div class="buttons">
        {(["JSON", "YAML"] as const).map((each) => (
          <button type="button" aria-pressed={form === each} onClick={() => setForm(each)}>
            {each}
          </button>
        ))}
        <Copy text={text} label="Copy the definition" />
        <Command text={`podexec pod show ${spec.id} --json`} />
      </div>
      <pre class="code" tabIndex={0} aria-label="The definition">
        {text}
      </pre>
    </>
  );
}
