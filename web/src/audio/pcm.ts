/** The protocol's PCM: signed 16-bit, little-endian, mono, 24 kHz. */
export const sampleRate = 24_000;

/** Samples of one input_audio_buffer.append: 40 ms. */
export const frameSamples = 960;

export function samplesToMs(samples: number): number {
  return Math.floor((samples * 1000) / sampleRate);
}

export function writePcm16(view: DataView, offset: number, sample: number): void {
  const clipped = Math.max(-1, Math.min(1, sample));
  view.setInt16(offset, Math.round(clipped < 0 ? clipped * 0x8000 : clipped * 0x7fff), true);
}

/** Reads little-endian PCM16; a trailing odd byte is left out. */
export function readPcm16(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const samples = new Float32Array(bytes.byteLength >> 1);
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(i * 2, true) / 0x8000;
  return samples;
}

export function rms(samples: Float32Array): number {
  let sum = 0;
  for (const s of samples) sum += s * s;
  return samples.length === 0 ? 0 : Math.sqrt(sum / samples.length);
}
