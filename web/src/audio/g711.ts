// G.711, as telephones send it: 8 kHz, a byte a sample, either µ-law or A-law (ITU-T G.711).

export const g711Rate = 8_000;

function mulaw(code: number): number {
  const inverted = ~code & 0xff;
  const magnitude = ((((inverted & 0x0f) << 3) + 0x84) << ((inverted & 0x70) >> 4)) - 0x84;
  return (inverted & 0x80 ? -magnitude : magnitude) / 0x8000;
}

function alaw(code: number): number {
  const even = code ^ 0x55;
  const segment = (even & 0x70) >> 4;
  const step = ((even & 0x0f) << 4) + 8;
  const magnitude = segment === 0 ? step : (step + 0x100) << (segment - 1);
  return (even & 0x80 ? magnitude : -magnitude) / 0x8000;
}

function table(decode: (code: number) => number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, code) => decode(code));
}

const tables: Record<string, Float32Array> = { "audio/pcmu": table(mulaw), "audio/pcma": table(alaw) };

/** Returns undefined for a format that is not G.711. */
export function readG711(format: string, bytes: Uint8Array): Float32Array<ArrayBuffer> | undefined {
  const values = tables[format];
  if (!values) return undefined;
  const samples = new Float32Array(bytes.length);
  for (let i = 0; i < samples.length; i++) samples[i] = values[bytes[i] as number] as number;
  return samples;
}
