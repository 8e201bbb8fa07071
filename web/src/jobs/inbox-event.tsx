import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Fact } from "../shared/fact";
import { Ago, Json, Status, Title } from "../shared/parts";
import { plural } from "../shared/words";
import { addressOf } from "./route";
import type { Store } from "./store";
import type { InboxEvent } from "./types";
import { inboxWord } from "./words";

const back = { href: addressOf("inbox"), name: "Inbox" };

/** One event: what was delivered, and every attempt to handle it. */
export function EventView({ store, id }: { store: Store; id: string }) {
  const event = useSignal<InboxEvent | undefined>(undefined);
  const path = `/webhooks/events/${encodeURIComponent(id)}`;
  const reading = useRef(new AbortController());
  // An answer that comes late knows less than the next one.
  const read = async () => {
    reading.current.abort();
    const { signal } = (reading.current = new AbortController());
    const now = await store.attempt("The event could not be read", () => store.get<InboxEvent>(path, signal), signal);
    if (now) event.value = now;
  };
  useEffect(() => {
    void read();
    return () => reading.current.abort();
  }, [id]);
  useSignalEffect(() => {
    if (store.inboxChange.value?.id === id) void read();
  });
  const replay = () =>
    store.attempt("It could not be handled again", async () => {
      await store.send("POST", `${path}/replay`);
      store.said.value = "The event will be handled again";
      await read();
    });
  const discard = (note: string) =>
    store.attempt("It could not be discarded", async () => {
      await store.send("POST", `${path}/discard`, { note });
      store.said.value = "The event is discarded";
      store.recount();
      await read();
    });
  const e = event.value;
  return (
    <article class="detail" data-testid="event" data-state={e?.state} data-attempts={e?.attempts?.length ?? 0}>
      <Title back={back}>{e?.type ?? "Event"}</Title>
      {e && <Standing event={e} replay={replay} discard={discard} />}
    </article>
  );
}

/** What people did to it, among the attempts. */
const actions = {
  replayed: { text: "Replayed", tone: "quiet" },
  discarded: { text: "Discarded", tone: "quiet" },
} as const;

/** Takes the event off the list of those that somebody should look at. */
function Discard({ discard }: { discard(note: string): unknown }) {
  const note = useSignal("");
  return (
    <form
      class="group"
      onSubmit={(e) => {
        e.preventDefault();
        discard(note.value.trim());
      }}
    >
      <label class="label" for="discard-note">
        Nothing to be done? Discard it, with a note
      </label>
      <input class="field" id="discard-note" maxLength={500} placeholder="Why" value={note.value} onInput={(e) => (note.value = e.currentTarget.value)} />
      <button class="button small" type="submit">
        Discard
      </button>
    </form>
  );
}

/** What became of it so far. */
function Standing({ event: e, replay, discard }: { event: InboxEvent; replay(): unknown; discard(note: string): unknown }) {
  return (
    <>
      <div class="hero">
        <div class="hero-text">
          <Status {...inboxWord(e.state)} />
          <p class="figure-caption">
            received <Ago at={e.received_at} />
            {e.duplicates > 0 && `, delivered ${e.duplicates + 1} times`}
          </p>
        </div>
        <div class="actions">
          <button class="button small primary" type="button" onClick={replay}>
            Replay
          </button>
        </div>
      </div>
      {e.state === "dead" && (
        <>
          <p class="notice" data-tone="error">
            <span>
              <strong>It was given up.</strong> {e.error}
            </span>
          </p>
          <Discard discard={discard} />
        </>
      )}
      {e.note && <p class="help">{e.note}</p>}
      <section aria-labelledby="attempts-title">
        <h2 class="side-title" id="attempts-title">
          {plural(e.attempts?.length ?? 0, "attempt")}
        </h2>
        <ol class="log" data-testid="attempts">
          {e.attempts?.toReversed().map((a, i) => (
            <li key={i}>
              {a.action ? <Status {...actions[a.action]} /> : <Status text={a.error ? "Failed" : "Handled"} tone={a.error ? "bad" : "good"} />}
              <span>
                by <code>{a.by || "nobody"}</code>
                {!a.action && ` in ${a.ms} ms`}
              </span>
              <Ago at={a.at} />
              {a.error && <span class="bad whole">{a.error}</span>}
              {a.note && <span class="whole">{a.note}</span>}
            </li>
          ))}
        </ol>
      </section>
      <section aria-labelledby="payload-title">
        <h2 class="side-title" id="payload-title">
          Payload
        </h2>
        <Json value={e.payload} label="JSON of the event" />
      </section>
      <dl class="facts-grid">
        <Fact name="From">{e.origin === "openai" ? "OpenAI, signature verified" : "This gateway"}</Fact>
        <About payload={e.payload} />
        <Fact name="ID">
          <code class="id">{e.id}</code>
        </Fact>
      </dl>
    </>
  );
}

/** What the event is about, where this page shows it. */
function About({ payload }: { payload: unknown }) {
  const id = (payload as { data?: { id?: unknown } } | undefined)?.data?.id;
  if (typeof id !== "string") return null;
  const section = id.startsWith("batch_") ? "batches" : id.startsWith("ftjob") ? "tuning" : undefined;
  if (!section) return null;
  return (
    <Fact name={section === "batches" ? "Batch" : "Job"}>
      <a href={addressOf(section, id)}>
        <code class="id">{id}</code>
      </a>
    </Fact>
  );
}
