import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Store } from "../../src/fleet/store";
import { Watch } from "../../src/fleet/watch";

Object.assign(globalThis, { addEventListener: () => undefined });

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A session at a gateway: its stream and its items answer when the test says so. */
function gateway(t: TestContext) {
  let happens: (event: object) => void = () => undefined;
  let keep: (items: object[]) => void = () => undefined;
  const streams: (string | null)[] = [];
  let answer = () => {
    const body = new ReadableStream({
      start(stream) {
        let id = 0;
        happens = (event) => stream.enqueue(new TextEncoder().encode(`id: ${++id}-0\ndata: ${JSON.stringify(event)}\n\n`));
      },
    });
    return new Response(body);
  };
  t.mock.method(globalThis, "fetch", async (_: string, { headers }: RequestInit) => {
    streams.push(new Headers(headers).get("Last-Event-ID"));
    return answer();
  });
  const items = new Promise((resolve) => {
    keep = (items) => resolve({ items });
  });
  const store = { attempt: (_: string, work: () => Promise<unknown>) => work(), get: () => items } as unknown as Store;
  let turns = 0;
  const watch = new Watch(store, "a", "sk-a", () => turns++);
  t.after(() => watch.close());
  const said = () => watch.conversation.entries.value.map((e) => `${e.role} ${e.state}: ${e.parts.join(" ")}`);
  const over = () => {
    answer = () => new Response(null, { status: 204 });
  };
  return { watch, said, streams, over, turns: () => turns, happens: (event: object) => happens(event), keep: (list: object[]) => keep(list) };
}

const part = { response_id: "r", item_id: "i2", content_index: 0 };

test("what happens while the items are on their way comes on top of them, once", async (t) => {
  const { watch, said, happens, keep } = gateway(t);
  watch.open(false);
  await settle();
  happens({ type: "response.output_text.delta", ...part, delta: "Good " });
  happens({ type: "response.output_text.delta", ...part, delta: "day" });
  await settle();
  assert.deepEqual(said(), [], "nothing is shown out of its order");
  keep([
    { id: "i1", type: "message", role: "user", text: "Hello" },
    { id: "i2", type: "message", role: "assistant" },
  ]);
  await settle();
  happens({ type: "response.output_text.done", ...part, text: "Good day" });
  await settle();
  assert.deepEqual(said(), ["user done: Hello", "assistant done: Good day"]);
});

test("a turn is told, as the session's facts are others then", async (t) => {
  const { watch, turns, happens, keep } = gateway(t);
  watch.open(false);
  await settle();
  keep([]);
  happens({ type: "response.created", response: { id: "r", status: "in_progress" } });
  happens({ type: "rate_limits.updated" });
  happens({ type: "response.done", response: { id: "r", status: "completed" } });
  await settle();
  assert.equal(turns(), 2);
});

test("the stream's end is the session's, and it is not asked for again", async (t) => {
  const { watch, turns, streams, over, keep } = gateway(t);
  over();
  watch.open(false);
  keep([]);
  await settle();
  assert.equal(turns(), 1);
  assert.deepEqual(streams, [""]);
});

test("of a session that has ended only the items are read", async (t) => {
  const { watch, said, streams, keep } = gateway(t);
  watch.open(true);
  keep([{ id: "i1", type: "message", role: "assistant", text: "Goodbye", heard_ms: 400 }]);
  await settle();
  assert.deepEqual(said(), ["assistant cut: Goodbye"]);
  assert.deepEqual(streams, []);
});
