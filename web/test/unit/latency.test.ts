import assert from "node:assert/strict";
import { test } from "node:test";
import { TurnClock } from "../../src/realtime/latency";

test("it counts from the user's last sound, not from the upstream's notice", () => {
  const clock = new TurnClock();
  for (let at = 0; at < 1_000; at += 40) clock.heardMicrophone(0.2, at);
  for (let at = 1_000; at < 1_600; at += 40) clock.heardMicrophone(0.001, at);
  clock.speechStopped(1_500);
  assert.deepEqual(clock.answered("sound", 1_760), { kind: "speech", totalMs: 800, detectMs: 540, first: "sound" });
});

test("noise is not speech", () => {
  const clock = new TurnClock();
  for (let at = 0; at < 1_000; at += 40) clock.heardMicrophone(0.2, at);
  for (let at = 1_000; at < 2_000; at += 40) clock.heardMicrophone(0.008, at);
  clock.speechStopped(2_000);
  assert.equal(clock.answered("sound", 2_100)?.totalMs, 1_140);
});

test("a typed turn counts from Enter, once", () => {
  const clock = new TurnClock();
  clock.typed(5_000);
  assert.deepEqual(clock.answered("word", 5_300), { kind: "text", totalMs: 300, first: "word" });
  assert.equal(clock.answered("sound", 5_400), undefined);
});

test("who speaks again is not answered yet", () => {
  const clock = new TurnClock();
  clock.typed(0);
  clock.abandon();
  assert.equal(clock.answered("sound", 100), undefined);
});
