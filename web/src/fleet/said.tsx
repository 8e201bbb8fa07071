import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Item } from "../schema";
import { Bar } from "../shared/parts";
import { count, plural } from "../shared/words";
import { addressOf, filter } from "./route";
import type { Store } from "./store";
import type { Session, SessionPage } from "./types";

/** The newest sessions whose conversations are read, and how many at once. */
const most = 1_000;
const atOnce = 4;

/** Sessions that are listed. */
const mostFound = 200;

interface Found {
  id: string;
  /** What stands around the text, where it was first said. */
  before: string;
  text: string;
  after: string;
}

/** Looks for a text in the conversations of the newest sessions that a query finds. */
export function Said({ store, text, query }: { store: Store; text: string; query: string }) {
  const state = useSignal({ looked: 0, of: 0, total: 0, unread: 0, done: false });
  const found = useSignal<readonly Found[]>([]);
  const stop = useSignal(false);
  useEffect(() => {
    const ending = new AbortController();
    stop.value = false;
    void search(ending.signal);
    return () => ending.abort();
  }, [text, query]);
  const search = async (signal: AbortSignal) => {
    const over = () => signal.aborted || stop.peek() || found.peek().length >= mostFound;
    found.value = [];
    state.value = { looked: 0, of: 0, total: 0, unread: 0, done: false };
    const sessions = await store.attempt("The sessions could not be read", () => newest(store, query, signal), signal);
    if (!sessions) return;
    state.value = { ...state.value, of: sessions.list.length, total: sessions.total };
    let next = 0;
    const worker = async () => {
      for (let s = sessions.list[next++]; s && !over(); s = sessions.list[next++]) {
        const hit = await lookInto(store, s.session_id, text, signal).catch(() => null);
        if (signal.aborted) return;
        if (hit) found.value = [...found.peek(), hit];
        state.value = { ...state.peek(), looked: state.peek().looked + 1, unread: state.peek().unread + (hit === null ? 1 : 0) };
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    if (!signal.aborted) state.value = { ...state.peek(), done: true };
  };
  const { looked, of, total, unread, done } = state.value;
  return (
    <section class="part" data-testid="said">
      <h2>“{text}” in conversations</h2>
      <p class="help">
        {`${count(looked)} of ${plural(of, "session")} read, found in ${count(found.value.length)}.`}
        {total > of && of > 0 && ` Only the newest ${count(most)} of ${count(total)} are looked into: narrow the filter for others.`}
        {unread > 0 && ` ${plural(unread, "session")} could not be read.`}
        {found.value.length >= mostFound && ` The first ${count(mostFound)} are shown.`}
      </p>
      {!done && <Bar label="Sessions that were looked into" text={`${looked} of ${of}`} total={of} done={looked} failed={0} />}
      <div class="row-actions">
        {!done && (
          <button class="button small" type="button" onClick={() => (stop.value = true)}>
            Stop
          </button>
        )}
        <button class="button small" type="button" onClick={() => filter("sessions", { said: undefined })}>
          Back to the list
        </button>
      </div>
      <ol class="rows">
        {found.value.map((f) => (
          <li key={f.id} class="row" data-id={f.id}>
            <a class="row-link" href={addressOf("sessions", f.id)}>
              {f.id}
            </a>
            <p class="row-facts">
              <span>
                {f.before}
                <mark>{f.text}</mark>
                {f.after}
              </span>
            </p>
          </li>
        ))}
      </ol>
    </section>
  );
}

async function newest(store: Store, query: string, signal: AbortSignal): Promise<{ list: Session[]; total: number }> {
  const list: Session[] = [];
  let total = 0;
  for (let after: string | undefined = ""; after !== undefined && list.length < most; ) {
    const part = new URLSearchParams(query);
    part.set("limit", "200");
    part.set("fields", "summary");
    if (after) part.set("after", after);
    const page: SessionPage = await store.get(`/realtime/sessions?${part}`, signal);
    list.push(...page.sessions);
    total = page.total;
    after = page.next;
  }
  return { list: list.slice(0, most), total };
}

/** What is shown beside a text that was found. */
const around = 60;

async function lookInto(store: Store, id: string, text: string, signal: AbortSignal): Promise<Found | undefined> {
  const { items } = await store.get<{ items: Item[] }>(`/realtime/sessions/${encodeURIComponent(id)}/items`, signal);
  for (const item of items) {
    const said = item.text ?? "";
    const at = said.toLowerCase().indexOf(text.toLowerCase());
    if (at < 0) continue;
    const end = at + text.length;
    return { id, before: said.slice(Math.max(0, at - around), at), text: said.slice(at, end), after: said.slice(end, end + around) };
  }
  return undefined;
}
