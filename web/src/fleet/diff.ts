// What changes from one text to another, word by word.

export interface Change {
  kind: "same" | "out" | "in";
  text: string;
}

/** Words compared at most; longer texts are told as one taken out and one put in. */
const mostWords = 1_500;

export function changes(before: string, after: string): Change[] {
  const [a, b] = [words(before), words(after)];
  if (a.length * b.length > mostWords ** 2) return merge([...a.map((text) => ({ kind: "out" as const, text })), ...b.map((text) => ({ kind: "in" as const, text }))]);
  const common = commonLengths(a, b);
  const found: Change[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      found.push({ kind: "same", text: a[i++] as string });
      j++;
    } else if (i < a.length && (j === b.length || at(common, i + 1, j) >= at(common, i, j + 1))) found.push({ kind: "out", text: a[i++] as string });
    else found.push({ kind: "in", text: b[j++] as string });
  }
  return merge(found);
}

/** Each with the blanks behind it. */
function words(text: string): string[] {
  return text.match(/\S+\s*|\s+/g) ?? [];
}

/** Of the longest common subsequence of what is left behind each pair of places. */
function commonLengths(a: readonly string[], b: readonly string[]): Uint16Array[] {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      (rows[i] as Uint16Array)[j] = a[i] === b[j] ? at(rows, i + 1, j + 1) + 1 : Math.max(at(rows, i + 1, j), at(rows, i, j + 1));
    }
  }
  return rows;
}

function at(rows: readonly Uint16Array[], i: number, j: number): number {
  return rows[i]?.[j] ?? 0;
}

function merge(found: readonly Change[]): Change[] {
  const merged: Change[] = [];
  for (const change of found) {
    const last = merged.at(-1);
    if (last?.kind === change.kind) last.text += change.text;
    else merged.push({ ...change });
  }
  return merged;
}
