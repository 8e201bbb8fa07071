import assert from "node:assert/strict";
import { test } from "node:test";
import { TurnClock } from "../../src/realtime/latency";

test("it counts from the user's last sound, not from the upstream's notice", () => {
  const clock = new TurnClock();
  for (let at = 0; at < 1_000; at += 40) clock.heardVoice(at);
  clock.speechStopped(1_500);
  assert.deepEqual(clock.answered("sound", 1_760), { kind: "speech", totalMs: 800, detectMs: 540, first: "sound" });
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
