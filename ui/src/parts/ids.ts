// Ids of instances are long; the first characters of their UUID tell them apart, as in the command line.

export function shortId(instance: string): string {
  return instance.slice(instance.lastIndexOf("instance-") + "instance-".length).slice(0, 8);
}

/** A link to a host and port of an agent, or undefined: their names come from there, so they may be anything. */
export function webAddress(host: string | undefined, port: number | undefined): string | undefined {
  if (!host || !port || !/^[\w.-]+$|^[0-9a-fA-F:]+$/.test(host)) return undefined;
  try {
    const url = new URL(`http://${host.includes(":") ? `[${host}]` : host}:${port}/`);
    return url.protocol === "http:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}
