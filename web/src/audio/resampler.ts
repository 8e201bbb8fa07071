// A streaming resampler for arbitrary rates: a Kaiser-windowed sinc low-pass, sampled into a table of
// sub-sample phases. Between two phases the filter is interpolated linearly, so 44.1 kHz works as well as 48 kHz.

/** Zero crossings of the sinc on each side of its centre, at the lower of the two rates. */
const zeroCrossings = 24;

/** Table entries per zero crossing; linear interpolation between them errs by less than -90 dB. */
const phases = 512;

/** Kaiser's beta for about 80 dB of stop-band attenuation. */
const beta = 8;

/** Where the low-pass cuts, as a share of the lower Nyquist frequency: leaves room for the filter's slope. */
const rolloff = 0.92;

export class Resampler {
  /** Input samples per output sample. */
  private readonly step: number;
  /** Input samples on each side of an output sample that take part in it. */
  private readonly reach: number;
  /** Cut-off as a share of the input's Nyquist frequency. */
  private readonly cutoff: number;
  /** Input not yet used up; it starts with `reach` samples of silence so that the first output is centred. */
  private pending: Float32Array<ArrayBuffer>;
  /** Where the next output sample lies in `pending`. */
  private position: number;

  constructor(inputRate: number, outputRate: number) {
    if (!(inputRate > 0 && outputRate > 0)) throw new RangeError("resampler: rates must be positive");
    this.step = inputRate / outputRate;
    this.cutoff = rolloff * Math.min(1, outputRate / inputRate);
    this.reach = Math.ceil(zeroCrossings / this.cutoff);
    this.pending = new Float32Array(this.reach);
    this.position = this.reach;
  }

  /** Takes any number of input samples and returns the output samples that they complete. */
  process(input: Float32Array): Float32Array<ArrayBuffer> {
    const all = new Float32Array(this.pending.length + input.length);
    all.set(this.pending);
    all.set(input, this.pending.length);

    const available = all.length - this.reach - this.position;
    const output = new Float32Array(available > 0 ? Math.ceil(available / this.step) : 0);
    for (let i = 0; i < output.length; i++) {
      output[i] = this.sampleAt(all, this.position);
      this.position += this.step;
    }

    const used = Math.max(0, Math.floor(this.position) - this.reach);
    this.pending = all.slice(used);
    this.position -= used;
    return output;
  }

  private sampleAt(input: Float32Array, centre: number): number {
    const first = Math.max(0, Math.ceil(centre - this.reach));
    const last = Math.min(input.length - 1, Math.floor(centre + this.reach));
    const scale = this.cutoff * phases;
    let sum = 0;
    for (let i = first; i <= last; i++) {
      const at = Math.abs(i - centre) * scale;
      const index = at | 0;
      const left = table[index] as number;
      sum += (input[i] as number) * (left + ((table[index + 1] as number) - left) * (at - index));
    }
    return sum * this.cutoff;
  }
}

const table = windowedSinc();

function windowedSinc(): Float64Array {
  const length = zeroCrossings * phases;
  // Two entries of zero follow, for the samples at the very edge.
  const values = new Float64Array(length + phases + 2);
  for (let i = 0; i < length; i++) {
    const x = i / phases;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    values[i] = (sinc * bessel(beta * Math.sqrt(1 - (i / length) ** 2))) / bessel(beta);
  }
  return values;
}

/** The modified Bessel function of the first kind, order zero. */
function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
