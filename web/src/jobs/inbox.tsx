import { computed, type Signal, untracked, useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Ago, Confirm, Empty, Filter, Segments, Status, Title } from "../shared/parts";
import { count, plural } from "../shared/words";
import { addressOf, filter, queryOf } from "./route";
import type { Store } from "./store";
import type { InboxChange, InboxEvent, InboxState } from "./types";
import { inboxWord } from "./words";

/** What of the inbox is shown. It is in the address, so that it outlives a reload and can be sent to somebody. */
interface InboxQuery {
  type: string;
  state: InboxState | "";
  origin: "both" | "openai" | "gateway";
}

/** A text, so that nothing is read anew while it is the same. */
const query = computed(() => queryOf("inbox").toString());

function shown(): InboxQuery {
  const of = new URLSearchParams(query.value);
  return {
    type: of.get("type")?.trim() ?? "",
    state: (of.get("state") ?? "") as InboxState | "",
    origin: (of.get("origin") ?? "openai") as InboxQuery["origin"],
  };
}

const show = ({ type, state, origin }: Partial<InboxQuery>) =>
  filter("inbox", { ...(type !== undefined && { type }), ...(state !== undefined && { state }), ...(origin !== undefined && { origin }) });

interface Listing {
  events: InboxEvent[];
  next?: string;
}

/** The inbox: everything that was delivered, and what became of it. */
export function Inbox({ store }: { store: Store }) {
  const list = useSignal<Listing | undefined>(undefined);
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const listing = useRef(new AbortController());
  const read = (path: string) => {
    const { signal } = listing.current;
    return store.attempt("The inbox could not be read", () => store.get<Listing>(path, signal), signal);
  };
  const readNewest = async (path: string) => {
    // What changes while the list is on its way may or may not be in it.
    const meanwhile: InboxChange[] = [];
    const before = store.inboxChange.peek();
    const stop = store.inboxChange.subscribe((change) => {
      if (change && change !== before) meanwhile.push(change);
    });
    const newest = await read(path);
    stop();
    if (newest) list.value = meanwhile.reduce(take, newest);
  };
  useSignalEffect(() => {
    const path = address();
    listing.current = new AbortController();
    chosen.value = new Set();
    void readNewest(path);
    return () => listing.current.abort();
  });
  useSignalEffect(() => {
    const change = store.inboxChange.value;
    if (change && list.peek()) list.value = take(list.peek() as Listing, change);
  });
  const more = async () => {
    const older = await read(`${address()}&after=${encodeURIComponent(list.value?.next ?? "")}`);
    if (!older) return;
    // Some may be there already: something happened to them.
    const known = list.value?.events.filter((e) => !older.events.some(({ id }) => id === e.id)) ?? [];
    list.value = { ...older, events: [...known, ...older.events] };
  };
  const { dead } = store.inbox.value;
  const events = list.value?.events ?? [];
  return (
    <>
      <Title>Inbox</Title>
      <p class="help summary">
        {count(store.inbox.value.kept)} events and tasks kept, {store.inbox.value.waiting} waiting, {dead} given up
      </p>
      {dead > 0 && <DeadLetters store={store} dead={dead} />}
      {chosen.value.size > 0 && <Selection store={store} chosen={chosen} />}
      {list.value && !events.length ? <Nothing /> : <Rows events={events} chosen={chosen} />}
      {list.value?.next && (
        <button class="button small" type="button" onClick={more}>
          Show older
        </button>
      )}
    </>
  );
}

function address(): string {
  const { type, state, origin } = shown();
  const query = new URLSearchParams({ limit: "50" });
  if (type) query.set("type", type);
  if (state) query.set("state", state);
  if (origin !== "both") query.set("origin", origin);
  return `/webhooks/events?${query}`;
}

/** Adds or changes the row of an event that something happened to. */
function take(list: Listing, change: InboxChange): Listing {
  const { type, state, origin } = untracked(shown);
  const fits =
    (!type || change.type === type || (type.endsWith(".") && change.type.startsWith(type))) &&
    (!state || state === change.state) &&
    (origin === "both" || origin === change.origin);
  const known = list.events.find((e) => e.id === change.id);
  const events = list.events.filter((e) => e.id !== change.id);
  if (!fits) return { ...list, events };
  const row: InboxEvent = { failures: 0, duplicates: 0, ...known, error: "", ...change };
  if (known) return { ...list, events: list.events.map((e) => (e.id === row.id ? row : e)) };
  const at = events.findIndex((e) => e.received_at < row.received_at);
  return { ...list, events: at < 0 ? [...events, row] : events.toSpliced(at, 0, row) };
}

function DeadLetters({ store, dead }: { store: Store; dead: number }) {
  const replay = () =>
    store.attempt("They could not be handled again", async () => {
      await store.send("POST", "/webhooks/events/replay", { state: "dead" });
      store.recount();
    });
  const discard = () =>
    store.attempt("They could not be discarded", async () => {
      await store.send("POST", "/webhooks/events/discard", { all: true });
      store.recount();
    });
  return (
    <div class="notice" data-tone="error" data-testid="dead">
      <p>
        <strong>{plural(dead, "event was", "events were")} given up.</strong> See why, put it right, then have them handled again.
      </p>
      <div class="notice-actions">
        {shown().state !== "dead" && (
          <button class="button small" type="button" onClick={() => show({ origin: "both", type: "", state: "dead" })}>
            Show them
          </button>
        )}
        <Confirm name="Replay all" question={`Handle ${plural(dead, "event")} again?`} action={replay} />
        <Confirm name="Discard all" question={`Discard ${plural(dead, "event")}?`} action={discard} />
      </div>
    </div>
  );
}

function Selection({ store, chosen }: { store: Store; chosen: Signal<ReadonlySet<string>> }) {
  const replay = () =>
    store.attempt("They could not be handled again", async () => {
      await store.send("POST", "/webhooks/events/replay", { ids: [...chosen.value] });
      chosen.value = new Set();
      store.recount();
    });
  return (
    <div class="selection">
      <span>{plural(chosen.value.size, "event")} chosen</span>
      <button class="button small primary" type="button" onClick={replay}>
        Replay
      </button>
      <button class="button small quiet" type="button" onClick={() => (chosen.value = new Set())}>
        Clear
      </button>
    </div>
  );
}

function Nothing() {
  const { type, state, origin } = shown();
  if (type || state || origin !== "openai") return <p class="lead nothing">Nothing fits the filter.</p>;
  return (
    <Empty title="Nothing was delivered yet.">
      <p class="lead">
        OpenAI's webhooks are kept here, each with every attempt to handle it. To have them delivered, make an endpoint under <a href={addressOf("deliveries")}>Deliveries</a>, and
        send a sample. In the demo, submit a batch: its end is delivered.
      </p>
    </Empty>
  );
}

function Rows({ events, chosen }: { events: readonly InboxEvent[]; chosen: Signal<ReadonlySet<string>> }) {
  const toggle = (id: string) => {
    const next = new Set(chosen.value);
    if (!next.delete(id)) next.add(id);
    chosen.value = next;
  };
  return (
    <ol class="rows" data-testid="events">
      {events.map((e) => (
        <li key={e.id} class="row with-check" data-id={e.id} data-state={e.state}>
          <input class="row-check" type="checkbox" aria-label={`Choose ${e.type} ${e.id}`} checked={chosen.value.has(e.id)} onChange={() => toggle(e.id)} />
          <div class="row-head">
            <a class="row-link" href={addressOf("inbox", e.id)}>
              {e.type}
            </a>
            <Status {...inboxWord(e.state)} />
          </div>
          <p class="row-facts">
            <code class="id">{e.id}</code>
            {e.failures > 0 && <span>{plural(e.failures, "failure")}</span>}
            {e.duplicates > 0 && <span>delivered {e.duplicates + 1} times</span>}
            <Ago at={e.received_at} />
          </p>
          {e.error && e.state !== "done" && e.state !== "discarded" && <p class="row-error">{e.error}</p>}
        </li>
      ))}
    </ol>
  );
}

const categories = ["batch.", "fine_tuning.", "response.", "realtime.", "eval.", "safety.", "task."];

export function InboxFilter() {
  const { type, state, origin } = shown();
  return (
    <Filter>
      <Segments
        name="state"
        legend="What became of it"
        chosen={state}
        onChoose={(value) => show({ state: value })}
        choices={[
          { value: "", label: "All" },
          { value: "waiting", label: "Waiting" },
          { value: "done", label: "Done" },
          { value: "dead", label: "Given up" },
          { value: "discarded", label: "Discarded" },
        ]}
      />
      <Segments
        name="origin"
        legend="Where it came from"
        chosen={origin}
        onChoose={(value) => show({ origin: value })}
        choices={[
          { value: "openai", label: "OpenAI" },
          { value: "gateway", label: "Gateway" },
          { value: "both", label: "Both" },
        ]}
      />
      <div class="group">
        <label class="label" for="type">
          Type
        </label>
        <input
          class="field"
          id="type"
          list="types"
          autocomplete="off"
          placeholder="All"
          aria-describedby="type-help"
          value={type}
          onChange={(e) => show({ type: e.currentTarget.value })}
        />
        <datalist id="types">
          {categories.map((c) => (
            <option key={c} value={c} />
          ))}
        </datalist>
        <p class="help small" id="type-help">
          An exact type, or a category with its dot, like <code>batch.</code>
        </p>
      </div>
    </Filter>
  );
}
