// Which sessions are selected, to do something to all of them.

import { signal } from "@preact/signals";
import type { Store } from "./store";
import type { SessionPage } from "./types";

/** So many are selected at once. */
export const mostSelected = 1_000;

/** IDs, in the order in which they were selected. */
export const selected = signal<ReadonlySet<string>>(new Set());

/** Selects a session, or does not any more. */
export function select(id: string, on: boolean): void {
  const ids = new Set(selected.peek());
  if (on && ids.size < mostSelected) ids.add(id);
  else ids.delete(id);
  selected.value = ids;
}

export function selectNone(): void {
  selected.value = new Set();
}

/** Selects the first of all sessions that a query finds. */
export async function selectAll(store: Store, query: URLSearchParams): Promise<void> {
  const ids = new Set<string>();
  let after: string | undefined = "";
  while (after !== undefined && ids.size < mostSelected) {
    const part = new URLSearchParams(query);
    part.set("limit", "200");
    part.set("fields", "summary");
    if (after) part.set("after", after);
    const page: SessionPage = await store.get(`/realtime/sessions?${part}`);
    for (const s of page.sessions) ids.add(s.session_id);
    after = page.next;
  }
  selected.value = ids;
}

/** What one of many did not do. */
export interface Failure {
  id: string;
  why: string;
}

/** So many requests are under way at once. */
const atOnce = 6;

/** Does something to each of many, and tells how far it has come. Returns what failed. */
export async function forEach(ids: readonly string[], work: (id: string) => Promise<unknown>, onDone: (n: number) => void): Promise<Failure[]> {
  const failures: Failure[] = [];
  let next = 0;
  let done = 0;
  const worker = async () => {
    for (let id = ids[next++]; id !== undefined; id = ids[next++]) {
      await work(id).catch((problem) => failures.push({ id, why: problem instanceof Error ? problem.message : String(problem) }));
      onDone(++done);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return failures;
}
