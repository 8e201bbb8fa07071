import assert from "node:assert/strict";
import { test } from "node:test";
import { Resampler } from "../../src/audio/resampler";

const rates = [8_000, 16_000, 22_050, 44_100, 48_000, 96_000];
const target = 24_000;

function tone(hertz: number, rate: number, seconds: number): Float32Array {
  return Float32Array.from({ length: Math.round(rate * seconds) }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate));
}

/** Feeds in blocks of 128 samples, as a worklet does. */
function resample(input: Float32Array, from: number, to: number): Float32Array {
  const resampler = new Resampler(from, to);
  const parts: number[] = [];
  for (let at = 0; at < input.length; at += 128) parts.push(...resampler.process(input.subarray(at, at + 128)));
  return Float32Array.from(parts);
}

/** Amplitude and noise of a tone, fitted by least squares away from the ends. */
function fit(samples: Float32Array, hertz: number, rate: number): { amplitude: number; noise: number } {
  const middle = samples.subarray(2_000, samples.length - 2_000);
  let sine = 0;
  let cosine = 0;
  const at = (i: number) => (2 * Math.PI * hertz * (i + 2_000)) / rate;
  middle.forEach((s, i) => {
    sine += (2 * s * Math.sin(at(i))) / middle.length;
    cosine += (2 * s * Math.cos(at(i))) / middle.length;
  });
  let noise = 0;
  middle.forEach((s, i) => {
    noise += (s - sine * Math.sin(at(i)) - cosine * Math.cos(at(i))) ** 2;
  });
  return { amplitude: Math.hypot(sine, cosine), noise: Math.sqrt(noise / middle.length) };
}

for (const rate of rates) {
  test(`a tone of 1 kHz comes through unchanged from ${rate} Hz`, () => {
    const output = resample(tone(1_000, rate, 1), rate, target);
    const { amplitude, noise } = fit(output, 1_000, target);
    assert.ok(Math.abs(amplitude - 0.5) < 0.002, `amplitude ${amplitude}`);
    const signalToNoise = 20 * Math.log10(amplitude / Math.SQRT2 / noise);
    assert.ok(signalToNoise > 60, `${signalToNoise.toFixed(1)} dB`);
  });

  test(`one second at ${rate} Hz is one second at 24 kHz`, () => {
    const { length } = resample(tone(440, rate, 1), rate, target);
    // What is missing waits for input that its filter reaches for.
    assert.ok(length <= target && length > target - 300, `${length} samples`);
  });
}

test("what lies above half the new rate is not folded back", () => {
  for (const hertz of [13_500, 15_000, 20_000]) {
    const output = resample(tone(hertz, 48_000, 1), 48_000, target).subarray(500);
    const loudest = output.reduce((most, s) => Math.max(most, Math.abs(s)), 0);
    assert.ok(20 * Math.log10(loudest / 0.5) < -60, `${hertz} Hz leaves ${loudest}`);
  }
});

test("the size of the blocks makes no difference", () => {
  const input = tone(700, 44_100, 0.3);
  const inBlocks = resample(input, 44_100, target);
  const atOnce = new Resampler(44_100, target).process(input);
  assert.equal(inBlocks.length, atOnce.length);
  atOnce.forEach((s, i) => {
    assert.ok(Math.abs(s - (inBlocks[i] as number)) < 1e-6);
  });
});

test("rates that make no sense are refused", () => {
  assert.throws(() => new Resampler(0, target), RangeError);
  assert.throws(() => new Resampler(Number.NaN, target), RangeError);
});
