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
  let happens: (event: object, type?: string) => void = () => undefined;
  const streams: (string | null)[] = [];
  let answer = () => {
    const body = new ReadableStream({
      start(stream) {
        let id = 0;
        happens = (event, type) => stream.enqueue(new TextEncoder().encode(`id: ${++id}-0\n${type ? `event: ${type}\n` : ""}data: ${JSON.stringify(event)}\n\n`));
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
  /** Answers the last request for the items, which include the events up to the nth; -1: it has ended. */
  const keep = (items: object[], n = 0) => asked.at(-1)?.resolve({ items, ...(n >= 0 && { last_event_id: `${n}-0` }) });
  const refuse = () => asked.at(-1)?.reject(new Error("the store is away"));
  let turns = 0;
  const watch = new Watch(store, "a", "sk-a", () => turns++);
  t.after(() => watch.close());
  const said = () => watch.conversation.current.map((e) => `${e.role} ${e.state}: ${e.parts.join(" ")}`);
  const over = () => {
    answer = () => new Response(null, { status: 204 });
  };
  return { watch, said, streams, over, turns: () => turns, happens: (event: object, type?: string) => happens(event, type), keep, refuse, asked: () => asked.length };
}

interface Answer {
  items: object[];
  last_event_id?: string;
}

/** A request for the items that the test answers. */
interface Question {
  answer: Promise<Answer>;
  resolve(kept: Answer): void;
  reject(problem: Error): void;
}

function question(): Question {
  let settle = {} as Omit<Question, "answer">;
  const answer = new Promise<Answer>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { answer, ...settle };
}

const part = { response_id: "r", item_id: "i2", content_index: 0 };

test("what the items include is not applied again, what follows is", async (t) => {
  const { watch, said, streams, happens, keep } = gateway(t);
  watch.open(false);
  await settle();
  assert.deepEqual(streams, [], "the items come first");
  const items = [
    { id: "i1", type: "message", role: "user", text: "Hello" },
    { id: "i2", type: "message", role: "assistant", text: "Good " },
  ];
  keep(items, 1);
  await settle();
  assert.deepEqual(streams, ["0"], "the log is read from its beginning");
  happens({ type: "response.output_text.delta", ...part, delta: "Good " });
  happens({ type: "response.output_text.delta", ...part, delta: "day" });
  await settle();
  assert.deepEqual(said(), ["user done: Hello", "assistant done: Good day"]);
  happens({ type: "response.output_text.done", ...part, text: "Good day." });
  await settle();
  assert.deepEqual(said(), ["user done: Hello", "assistant done: Good day."]);
  assert.deepEqual(
    watch.log.ring.current.map((e) => `${e.type} ${e.times}`),
    ["response.output_text.delta 2", "response.output_text.done 1"],
  );
});

test("items that could not be read are asked for again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { watch, said, keep, refuse, asked } = gateway(t);
  watch.open(false);
  await settle();
  refuse();
  await settle();
  t.mock.timers.tick(3_000);
  assert.equal(asked(), 2);
  keep([{ id: "i1", type: "message", role: "user", text: "Hello" }]);
  await settle();
  assert.deepEqual(said(), ["user done: Hello"]);
  t.mock.timers.tick(60_000);
  assert.equal(asked(), 2);
});

test("events that are not stored any more: the items are read anew, and what happens meanwhile comes on top", async (t) => {
  const { watch, said, happens, keep, asked } = gateway(t);
  watch.open(false);
  await settle();
  keep([]);
  await settle();
  happens({}, "resync");
  await settle();
  assert.equal(asked(), 2);
  happens({ type: "conversation.item.added", item: { id: "i2", type: "message", role: "user", content: [{ type: "input_text", text: "Anybody?" }] } });
  await settle();
  assert.deepEqual(said(), []);
  keep([{ id: "i1", type: "message", role: "user", text: "Hello" }], 1);
  await settle();
  assert.deepEqual(said(), ["user done: Hello", "user done: Anybody?"]);
});

test("a turn is told, as the session's facts are others then; those that follow closely are told together", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { watch, turns, happens, keep } = gateway(t);
  watch.open(false);
  await settle();
  keep([]);
  await settle();
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
  await settle();
  keep([]);
  await settle();
  assert.equal(turns(), 1);
  assert.deepEqual(streams, ["0"]);
});

test("of a session that has ended the log is read to its end, and changes nothing of the items", async (t) => {
  const { watch, said, turns, streams, happens, keep } = gateway(t);
  watch.open(true);
  await settle();
  keep([{ id: "i1", type: "message", role: "assistant", text: "Goodbye", heard_ms: 400 }], -1);
  await settle();
  happens({ type: "conversation.item.added", item: { id: "i9", type: "message", role: "user", content: [{ type: "input_text", text: "Old" }] } });
  await settle();
  assert.deepEqual(said(), ["assistant cut: Goodbye"]);
  assert.deepEqual([turns(), streams], [0, ["0"]]);
});

test("instructions are known as they were, with who changed them, within bounds", async (t) => {
  const { watch, happens, keep } = gateway(t);
  watch.open(false);
  await settle();
  keep([]);
  await settle();
  const told = (instructions: string) => happens({ type: "session.updated", session: { instructions } });
  told("Be brief.");
  told("Be brief.");
  told("Speak Dutch.");
  happens({ type: "switchboard.session.command", command: "update", by: "ops", fields: ["instructions"] });
  told("Speak Dutch.\n\nWe close at four.");
  happens({ type: "switchboard.session.command", command: "broadcast", by: "chief" });
  await settle();
  const seen = () => watch.log.versions.value.map(({ text, by, broadcast }) => [text, by, broadcast]);
  assert.deepEqual(seen(), [
    ["Be brief.", undefined, undefined],
    ["Speak Dutch.", "ops", false],
    ["Speak Dutch.\n\nWe close at four.", "chief", true],
  ]);
  for (let i = 0; i < 60; i++) told(`${i} ${"long ".repeat(10_000)}`);
  await settle();
  assert.ok(watch.log.versions.value.reduce((sum, v) => sum + v.text.length, 0) <= 600_000);
});
