// Labels as people write them: team:support, tier:1

export type Labels = Record<string, string>;

/** What is written, or what is wrong with it. */
export function parseLabels(text: string): { labels: Labels; problem?: string } {
  const labels: Labels = {};
  for (const part of text.split(/[,\n]/)) {
    const written = part.trim();
    if (written === "") continue;
    const at = written.indexOf(":");
    const name = written.slice(0, at).trim();
    if (at < 0 || name === "") return { labels: {}, problem: `“${written}” is no label. Write a name, a colon and a value, like team:support.` };
    if (Object.hasOwn(labels, name)) return { labels: {}, problem: `The label “${name}” is there twice. A session has one value of each.` };
    labels[name] = written.slice(at + 1).trim();
  }
  return { labels };
}

export function sayLabels(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}:${value}`)
    .join(", ");
}
