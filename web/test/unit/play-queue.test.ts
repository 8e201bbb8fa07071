import assert from "node:assert/strict";
import { test } from "node:test";
import { PlayQueue } from "../../src/audio/play-queue";

const quantum = 128;

function samples(length: number, value = 0.5): Float32Array {
  return new Float32Array(length).fill(value);
}

function play(queue: PlayQueue, quanta: number): { heard: number; begun: string[] } {
  const out = new Float32Array(quantum);
  const begun: string[] = [];
  let heard = 0;
  for (let i = 0; i < quanta; i++) {
    begun.push(...queue.render(out));
    heard += out.filter((s) => s !== 0).length;
  }
  return { heard, begun };
}

test("it waits for a lead before it begins, so that a slow start does not stutter", () => {
  const queue = new PlayQueue();
  queue.append("a", samples(1_000));
  assert.equal(play(queue, 4).heard, 0);
  queue.append("a", samples(1_000));
  assert.deepEqual(play(queue, 4), { heard: 4 * quantum, begun: ["a"] });
});

test("a short item that is complete is played without a lead", () => {
  const queue = new PlayQueue();
  queue.append("a", samples(200));
  queue.complete("a");
  assert.equal(play(queue, 4).heard, 200);
});

test("items follow each other without a gap, each with its own account", () => {
  const queue = new PlayQueue();
  queue.append("preamble", samples(1_300));
  queue.complete("preamble");
  queue.append("answer", samples(2_000));
  assert.deepEqual(play(queue, 15), { heard: 15 * quantum, begun: ["preamble", "answer"] });
  assert.deepEqual(queue.current(), { item: "answer", received: 2_000, played: 15 * quantum - 1_300, complete: false });
});

test("an interruption says exactly what was played, and items never played count as zero", () => {
  const queue = new PlayQueue();
  queue.append("first", samples(1_300));
  queue.complete("first");
  queue.append("second", samples(4_800));
  queue.append("third", samples(2_400));
  const { heard } = play(queue, 20);
  const { tail, interrupted } = queue.flush();
  assert.equal(tail.length, 120);
  assert.deepEqual(interrupted, [
    { item: "second", received: 4_800, played: heard - 1_300 + 120, complete: false },
    { item: "third", received: 2_400, played: 0, complete: false },
  ]);
  assert.equal(queue.samplesQueued, 0);
  assert.equal(play(queue, 3).heard, 0);
});

test("the fade of an interruption ends in silence", () => {
  const queue = new PlayQueue();
  queue.append("a", samples(4_800));
  play(queue, 2);
  const { tail } = queue.flush();
  assert.equal(tail.at(-1), 0);
  assert.ok((tail[0] as number) > (tail[60] as number));
});

test("what was played to its end is not interrupted", () => {
  const queue = new PlayQueue();
  queue.append("a", samples(1_280));
  queue.complete("a");
  play(queue, 20);
  assert.deepEqual(queue.flush().interrupted, []);
});

test("an answer that is still being generated is interrupted though all of it so far was played", () => {
  const queue = new PlayQueue();
  queue.append("a", samples(1_280));
  play(queue, 20);
  assert.deepEqual(queue.flush().interrupted, [{ item: "a", received: 1_280, played: 1_280, complete: false }]);
});

test("after an underrun it waits for a lead again", () => {
  const queue = new PlayQueue();
  queue.append("a", samples(1_280));
  assert.equal(play(queue, 12).heard, 1_280);
  queue.append("a", samples(100));
  assert.equal(play(queue, 2).heard, 0);
  queue.append("a", samples(1_200));
  assert.equal(play(queue, 20).heard, 1_300);
});

test("a queue that is full takes nothing more", () => {
  const queue = new PlayQueue();
  assert.equal(queue.append("a", samples(24_000 * 600)), true);
  assert.equal(queue.append("a", samples(1)), false);
  assert.equal(queue.current()?.received, 24_000 * 600);
});
