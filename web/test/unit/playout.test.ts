import assert from "node:assert/strict";
import { test } from "node:test";
import type { ItemAccount } from "../../src/audio/play-queue";
import type { ClientEvent, ServerEvent } from "../../src/realtime/events";
import { Playout } from "../../src/realtime/playout";

const oneSecond = Buffer.alloc(48_000).toString("base64");

/** A Playout whose output plays nothing by itself; `accounts` is what it says at the next interruption. */
function setUp(accounts: ItemAccount[] | (() => Promise<ItemAccount[]>) = []) {
  const sent: ClientEvent[] = [];
  const appended: string[] = [];
  const cut: string[] = [];
  const playout = new Playout({
    output: { append: (item) => appended.push(item), complete: () => undefined, flush: typeof accounts === "function" ? accounts : async () => accounts },
    send: (event) => sent.push(event),
    onCut: ({ item }) => cut.push(item),
  });
  const truncations = () => sent.map((e) => (e.type === "conversation.item.truncate" ? [e.item_id, e.content_index, e.audio_end_ms] : e.type));
  return { playout, appended, cut, truncations };
}

function created(id: string): ServerEvent {
  return { type: "response.created", response: { id, status: "in_progress" } };
}

function done(id: string): ServerEvent {
  return { type: "response.done", response: { id, status: "cancelled" } };
}

function delta(response_id: string, item_id: string): ServerEvent {
  return { type: "response.output_audio.delta", response_id, item_id, content_index: 0, delta: oneSecond };
}

test("each interrupted item is truncated at what was played of it, in whole milliseconds", async () => {
  const { playout, truncations, cut } = setUp([
    { item: "a1", received: 24_000, played: 10_007, complete: true },
    { item: "a2", received: 24_000, played: 0, complete: false },
  ]);
  assert.equal(await playout.interrupt(), 2);
  assert.deepEqual(truncations(), [
    ["a1", 0, 416],
    ["a2", 0, 0],
  ]);
  assert.deepEqual(cut, ["a1", "a2"]);
});

test("nothing is said where everything was heard", async () => {
  const { playout, truncations } = setUp();
  assert.equal(await playout.interrupt(), 0);
  assert.deepEqual(truncations(), []);
});

test("audio of an interrupted response that was on its way is not heard", async () => {
  const { playout, appended, truncations } = setUp([{ item: "a1", received: 24_000, played: 2_400, complete: false }]);
  playout.apply(created("r1"));
  playout.apply(delta("r1", "a1"));
  await playout.interrupt();
  playout.apply(delta("r1", "a1"));
  playout.apply(delta("r1", "a2"));
  playout.apply(delta("r1", "a2"));
  assert.deepEqual(appended, ["a1"]);
  assert.deepEqual(truncations(), [
    ["a1", 0, 100],
    ["a2", 0, 0],
  ]);
});

test("audio that comes while the account is on its way says nothing of what was heard", async () => {
  let tell: (accounts: ItemAccount[]) => void = () => undefined;
  const { playout, truncations, cut } = setUp(() => new Promise((resolve) => (tell = resolve)));
  playout.apply(created("r1"));
  playout.apply(delta("r1", "a1"));
  const interrupted = playout.interrupt();
  playout.apply(delta("r1", "a1"));
  playout.apply(delta("r1", "a2"));
  playout.apply(done("r1"));
  assert.deepEqual(truncations(), [], "nothing is said before it is known");
  tell([{ item: "a1", received: 24_000, played: 2_400, complete: false }]);
  await interrupted;
  const expected = [
    ["a1", 0, 100],
    ["a2", 0, 0],
  ];
  assert.deepEqual(truncations(), expected);
  assert.deepEqual(cut, ["a1", "a2"]);
});

test("two interruptions at once tell once of each item, and what closes in between tells nothing", async () => {
  const tells: ((accounts: ItemAccount[]) => void)[] = [];
  const { playout, truncations } = setUp(() => new Promise((resolve) => tells.push(resolve)));
  playout.apply(created("r1"));
  playout.apply(delta("r1", "a1"));
  const first = playout.interrupt();
  playout.apply(created("r2"));
  playout.apply(delta("r2", "b1"));
  const second = playout.interrupt();
  playout.apply(delta("r2", "b1"));
  tells[0]?.([{ item: "a1", received: 24_000, played: 2_400, complete: false }]);
  await first;
  tells[1]?.([{ item: "b1", received: 24_000, played: 1_200, complete: false }]);
  await second;
  assert.deepEqual(truncations(), [
    ["a1", 0, 100],
    ["b1", 0, 50],
  ]);
  const third = playout.interrupt();
  playout.apply(delta("r2", "b2"));
  playout.reset();
  tells[2]?.([]);
  await third;
  assert.equal(truncations().length, 2);
});

test("the next response is heard", async () => {
  const { playout, appended } = setUp();
  playout.apply(created("r1"));
  await playout.interrupt();
  playout.apply(done("r1"));
  playout.apply(created("r2"));
  playout.apply(delta("r2", "a3"));
  assert.deepEqual(appended, ["a3"]);
});
