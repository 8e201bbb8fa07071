import assert from "node:assert/strict";
import { test } from "node:test";
import { readG711 } from "../../src/audio/g711";

/** Values of the standard's tables, as 16-bit samples. */
const known: Record<string, [code: number, sample: number][]> = {
  "audio/pcmu": [
    [0xff, 0],
    [0x7f, 0],
    [0x00, -32124],
    [0x80, 32124],
    [0xf0, 120],
  ],
  "audio/pcma": [
    [0xd5, 8],
    [0x55, -8],
    [0x2a, -32256],
    [0xaa, 32256],
    [0x80, 5504],
  ],
};

test("G.711 is read as the standard's tables have it", () => {
  for (const [format, pairs] of Object.entries(known)) {
    const samples = readG711(
      format,
      Uint8Array.from(pairs, ([code]) => code),
    );
    assert.deepEqual(
      Array.from(samples ?? [], (s) => Math.round(s * 0x8000) + 0),
      pairs.map(([, sample]) => sample),
      format,
    );
  }
  assert.equal(readG711("audio/pcm", new Uint8Array(2)), undefined);
});
