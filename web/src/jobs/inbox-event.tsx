import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
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
  const read = (signal?: AbortSignal) =>
    store.attempt("The event could not be read", async () => {
      try {
        event.value = await store.get<InboxEvent>(path, signal);
      } catch (problem) {
        if (!signal?.aborted) throw problem;
      }
    });
  useEffect(() => {
    const closing = new AbortController();
    void read(closing.signal);
    return () => closing.abort();
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
  const e = event.value;
  if (!e) return <Title back={back}>Event</Title>;
  return (
    <article class="detail" data-testid="event" data-state={e.state} data-attempts={e.attempts?.length ?? 0}>
      <Title back={back}>{e.type}</Title>
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
      {e.error && e.state === "dead" && (
        <p class="notice" data-tone="error">
          <span>
            <strong>It was given up.</strong> {e.error}
          </span>
        </p>
      )}
      <section aria-labelledby="attempts-title">
        <h2 class="side-title" id="attempts-title">
          {plural(e.attempts?.length ?? 0, "attempt")}
        </h2>
        <ol class="log" data-testid="attempts">
          {e.attempts?.toReversed().map((a, i) => (
            <li key={i}>
              <Status text={a.error ? "Failed" : "Handled"} tone={a.error ? "bad" : "good"} />
              <span>
                by <code>{a.by || "nobody"}</code> in {a.ms} ms
              </span>
              <Ago at={a.at} />
              {a.error && <span class="bad whole">{a.error}</span>}
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
        <Fact name="ID">
          <code class="id">{e.id}</code>
        </Fact>
      </dl>
    </article>
  );
}
