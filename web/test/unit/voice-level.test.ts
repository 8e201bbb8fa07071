import assert from "node:assert/strict";
import { test } from "node:test";
import { VoiceLevel } from "../../src/audio/voice-level";

test("noise is not speech, and does not become it by lasting", () => {
  const level = new VoiceLevel();
  for (let i = 0; i < 25; i++) assert.equal(level.isVoice(0.2), true);
  for (let i = 0; i < 500; i++) assert.equal(level.isVoice(0.008), false);
  assert.equal(level.isVoice(0.001), false);
});

test("a voice is heard over the noise of the room", () => {
  const level = new VoiceLevel();
  for (let i = 0; i < 100; i++) level.isVoice(0.006);
  assert.equal(level.isVoice(0.015), false);
  assert.equal(level.isVoice(0.05), true);
});
