// A recorded voice, made by code: syllables of a buzzing larynx behind two formants, between silences.
// It is shaped like speech, which is all that a voice detector looks at.

import { writeFile } from "node:fs/promises";

const rate = 48_000;

/** First and second formant of a few vowels, in Hz. */
const vowels = [
  [730, 1_090],
  [270, 2_290],
  [570, 840],
  [530, 1_840],
  [300, 870],
];

/**
 * Writes a WAV file of 48 kHz. `plan` alternates: seconds of silence, seconds of speech, and so on.
 * Chromium plays it in a loop as its microphone.
 */
export async function writeRecording(file, plan) {
  const samples = plan.flatMap((seconds, i) => (i % 2 === 0 ? [new Float32Array(seconds * rate)] : [speech(seconds)]));
  await writeFile(file, wav(samples));
}

function speech(seconds) {
  const out = new Float32Array(Math.round(seconds * rate));
  const syllable = 0.19;
  const resonators = vowels.map((formants) => formants.map((hertz) => resonator(hertz, 90)));
  let phase = 0;
  for (let i = 0; i < out.length; i++) {
    const at = i / rate;
    const index = Math.floor(at / syllable);
    phase += (118 + 14 * Math.sin(2 * Math.PI * 0.9 * at)) / rate;
    const buzz = 2 * (phase % 1) - 1;
    const within = (at % syllable) / syllable;
    const loudness = Math.sin(Math.PI * within) ** 0.6;
    const [low, high] = resonators[index % vowels.length];
    out[i] = loudness * (low(buzz) + 0.6 * high(buzz));
  }
  const loudest = out.reduce((most, s) => Math.max(most, Math.abs(s)), 0);
  return out.map((s) => (0.6 * s) / loudest);
}

/** A two-pole band-pass. */
function resonator(hertz, width) {
  const r = Math.exp((-Math.PI * width) / rate);
  const a = 2 * r * Math.cos((2 * Math.PI * hertz) / rate);
  const b = -r * r;
  let y1 = 0;
  let y2 = 0;
  return (x) => {
    const y = (1 - r) * x + a * y1 + b * y2;
    y2 = y1;
    y1 = y;
    return y;
  };
}

function wav(parts) {
  const length = parts.reduce((sum, p) => sum + p.length, 0) * 2;
  const file = Buffer.alloc(44 + length);
  file.write("RIFF", 0);
  file.writeUInt32LE(36 + length, 4);
  file.write("WAVEfmt ", 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(rate, 24);
  file.writeUInt32LE(rate * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write("data", 36);
  file.writeUInt32LE(length, 40);
  let at = 44;
  for (const part of parts) for (const s of part) at = file.writeInt16LE(Math.round(s * 32_767), at);
  return file;
}
