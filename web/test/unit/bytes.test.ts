import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBase64, encodeBase64 } from "../../src/audio/base64";
import { readPcm16, rms, samplesToMs, writePcm16 } from "../../src/audio/pcm";

test("base64 agrees with Node's, at every length around its chunks", () => {
  for (const length of [0, 1, 2, 3, 1_920, 0x2000 - 1, 0x2000, 0x2000 + 1, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) & 255);
    const text = Buffer.from(bytes).toString("base64");
    assert.equal(encodeBase64(bytes), text);
    assert.deepEqual(decodeBase64(text), bytes);
  }
});

test("what is not base64 is refused", () => {
  assert.throws(() => decodeBase64("*"), DOMException);
});

test("PCM is little-endian and clips", () => {
  const view = new DataView(new ArrayBuffer(6));
  [2, -2, 0.5].forEach((s, i) => {
    writePcm16(view, i * 2, s);
  });
  assert.deepEqual([view.getInt16(0, true), view.getInt16(2, true), view.getInt16(4, true)], [32_767, -32_768, 16_384]);
});

test("PCM is read from any offset, and an odd byte is left out", () => {
  const bytes = new Uint8Array([9, 0, 0x40, 0, 0xc0, 7]).subarray(1);
  assert.deepEqual([...readPcm16(bytes)], [0.5, -0.5]);
});

test("milliseconds are whole and never more than there are", () => {
  assert.equal(samplesToMs(24_000), 1_000);
  assert.equal(samplesToMs(47), 1);
});

test("the level of silence is zero, and of nothing too", () => {
  assert.equal(rms(new Float32Array(10)), 0);
  assert.equal(rms(new Float32Array(0)), 0);
});
