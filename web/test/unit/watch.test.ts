import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Store } from "../../src/fleet/store";
import { Watch } from "../../src/fleet/watch";

Object.assign(globalThis, {
  window: globalThis,
  document: Object.assign(new EventTarget(), { hidden: false }),
  addEventListener: () => undefined,
  requestAnimationFrame: () => 0,
  cancelAnimationFrame: () => undefined,
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A session at a gateway: its stream and its items answer when the test says so. */
function gateway(t: TestContext) {
  let happens: (event: object) => void = () => undefined;
  let lose: () => void = () => undefined;
  const streams: (string | null)[] = [];
  let answer = () => {
    const body = new ReadableStream({
      start(stream) {
        let id = 0;
        lose = () => stream.close();
        happens = (event) => stream.enqueue(new TextEncoder().encode(`id: ${++id}-0\ndata: ${JSON.stringify(event)}\n\n`));
      },
    });
    return new Response(body);
  };
  t.mock.method(globalThis, "fetch", async (_: string, { headers }: RequestInit) => {
    streams.push(new Headers(headers).get("Last-Event-ID"));
    return answer();
  });
  const asked: Question[] = [];
  const get = () => {
    asked.push(question());
    return asked.at(-1)?.answer;
  };
  const store = { attempt: (_: string, work: () => Promise<unknown>) => work().catch(() => undefined), get } as unknown as Store;
  /** Answers the nth request for the items, the last one if no other is meant. */
  const keep = (items: object[], n = -1) => asked.at(n)?.resolve({ items });
  const refuse = () => asked.at(-1)?.reject(new Error("the store is away"));
  let turns = 0;
  const watch = new Watch(store, "a", "sk-a", () => turns++);
  t.after(() => watch.close());
  const said = () => watch.conversation.current.map((e) => `${e.role} ${e.state}: ${e.parts.join(" ")}`);
  const over = () => {
    answer = () => new Response(null, { status: 204 });
  };
  return { watch, said, streams, over, turns: () => turns, happens: (event: object) => happens(event), lose: () => lose(), keep, refuse, asked: () => asked.length };
}

/** A request for the items that the test answers. */
interface Question {
  answer: Promise<{ items: object[] }>;
  resolve(kept: { items: object[] }): void;
  reject(problem: Error): void;
}

function question(): Question {
  let settle = {} as Omit<Question, "answer">;
  const answer = new Promise<{ items: object[] }>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { answer, ...settle };
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

test("items that could not be read are asked for again, and what happens meanwhile is shown", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { watch, said, happens, keep, refuse, asked } = gateway(t);
  watch.open(false);
  await settle();
  happens({ type: "conversation.item.added", item: { id: "i2", type: "message", role: "user", content: [{ type: "input_text", text: "Anybody?" }] } });
  refuse();
  await settle();
  assert.deepEqual(said(), ["user done: Anybody?"]);
  t.mock.timers.tick(3_000);
  assert.equal(asked(), 2);
  keep([
    { id: "i1", type: "message", role: "user", text: "Hello" },
    { id: "i2", type: "message", role: "user", text: "Anybody?" },
  ]);
  await settle();
  assert.deepEqual(said(), ["user done: Hello", "user done: Anybody?"]);
  t.mock.timers.tick(60_000);
  assert.equal(asked(), 2);
});

test("a stream that is lost before anything happens: what is kept is read anew, and the answer before counts no more", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { watch, said, happens, lose, keep, asked } = gateway(t);
  watch.open(false);
  await settle();
  lose();
  await settle();
  t.mock.timers.tick(1_000);
  await settle();
  assert.equal(asked(), 2);
  keep([], 0);
  await settle();
  happens({ type: "conversation.item.added", item: { id: "i1", type: "message", role: "user", content: [{ type: "input_text", text: "Hello" }] } });
  await settle();
  keep([], 1);
  await settle();
  assert.deepEqual(said(), ["user done: Hello"]);
});

test("a turn is told, as the session's facts are others then; those that follow closely are told together", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { watch, turns, happens, keep } = gateway(t);
  watch.open(false);
  await settle();
  keep([]);
  happens({ type: "response.created", response: { id: "r", status: "in_progress" } });
  happens({ type: "rate_limits.updated" });
  await settle();
  assert.equal(turns(), 1);
  for (let i = 0; i < 5; i++) happens({ type: "response.done", response: { id: "r", status: "completed" } });
  await settle();
  assert.equal(turns(), 1);
  t.mock.timers.tick(1_000);
  assert.equal(turns(), 2);
  t.mock.timers.tick(5_000);
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
