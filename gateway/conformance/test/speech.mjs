// Speech enough for a detector of voice: PCM16, 24 kHz, mono, as base64 chunks of 100 ms.

const RATE = 24000;
const CHUNK = RATE / 10;

/** Voiced syllables, four a second, and as much silence behind them as ends a turn. */
export function speech(seconds = 1.2, silence = 0.8) {
  const samples = new Int16Array(Math.round((seconds + silence) * RATE));
  for (let i = 0; i < seconds * RATE; i++) {
    const t = i / RATE;
    const syllable = 0.55 + 0.45 * Math.sin(2 * Math.PI * 4 * t);
    let voice = 0;
    for (let harmonic = 1; harmonic <= 8; harmonic++) {
      voice += Math.sin(2 * Math.PI * 140 * harmonic * t) / harmonic;
    }
    samples[i] = 9000 * syllable * voice;
  }
  const chunks = [];
  for (let i = 0; i < samples.length; i += CHUNK) {
    chunks.push(Buffer.from(samples.slice(i, i + CHUNK).buffer));
  }
  return chunks;
}
