import { frameSamples, sampleRate as protocolRate, rms, writePcm16 } from "./pcm";
import { Resampler } from "./resampler";
import type { CaptureReport } from "./worklet-messages";

/** Turns the microphone at the device's rate into frames of 40 ms of PCM16 at 24 kHz. */
class Capture extends AudioWorkletProcessor {
  private resampler = new Resampler(sampleRate, protocolRate);
  private frame = new Float32Array(frameSamples);
  private filled = 0;

  override process(inputs: Float32Array[][]): boolean {
    const channel = inputs[0]?.[0];
    if (channel) this.take(this.resampler.process(channel));
    return true;
  }

  private take(samples: Float32Array): void {
    for (const sample of samples) {
      this.frame[this.filled++] = sample;
      if (this.filled === frameSamples) this.post();
    }
  }

  private post(): void {
    const view = new DataView(new ArrayBuffer(frameSamples * 2));
    this.frame.forEach((sample, i) => {
      writePcm16(view, i * 2, sample);
    });
    const report: CaptureReport = { pcm: view.buffer, level: rms(this.frame) };
    this.port.postMessage(report, [view.buffer]);
    this.filled = 0;
  }
}

registerProcessor("capture", Capture);
