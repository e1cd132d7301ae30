// Where the members of a definition are in its text.

export type Step = string | number;

/** More levels than any definition has; the command line's limit, too. */
export const DEEPEST = 200;

// Marathon reports these problems at paths that do not exist in the definition.
const ELSEWHERE: Record<string, string> = {
  "/acceptedResourceRoles": "/scheduling/placement/acceptedResourceRoles",
  "/upgrade/maximumOverCapacity": "/scheduling/upgrade/maximumOverCapacity",
};

/** A value's place, and those of what is in it. */
export class Spot {
  private inner: Map<Step, Spot> | undefined;

  constructor(readonly from: number) {}

  has(step: Step): boolean {
    return this.inner?.has(step) ?? false;
  }

  add(step: Step, from: number): Spot {
    const added = new Spot(from);
    this.inner ??= new Map();
    this.inner.set(step, added);
    return added;
  }

  /** By a path of the API, `/containers(0)/resources/cpus`; of what does not exist, the nearest value around it. */
  find(path: string): Spot {
    return this.follow(ELSEWHERE[path] ?? path);
  }

  private follow(path: string): Spot {
    let longest = "";
    let found: Spot | undefined;
    for (const [step, spot] of this.inner ?? []) {
      const head = typeof step === "number" ? `(${step})` : `/${step}`; // which may contain slashes
      if (head.length > longest.length && path.startsWith(head) && /^([/(]|$)/.test(path.slice(head.length)))
        [longest, found] = [head, spot];
    }
    return found?.follow(path.slice(longest.length)) ?? this;
  }
}
