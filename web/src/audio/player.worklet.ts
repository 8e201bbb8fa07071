import { rms } from "./pcm";
import { PlayQueue } from "./play-queue";
import type { PlayerCommand, PlayerReport } from "./worklet-messages";

/** Quanta of 128 samples between two progress reports: about 50 ms at 24 kHz. */
const quantaPerReport = 10;

/** Plays the answer and counts what was really played. Runs in a context of 24 kHz. */
class Player extends AudioWorkletProcessor {
  private queue = new PlayQueue();
  /** The fade of an interruption, still to be played. */
  private tail: Float32Array = new Float32Array(0);
  private quanta = 0;
  private loudest = 0;
  private wasSilent = true;

  constructor() {
    super();
    this.port.onmessage = (event: MessageEvent<PlayerCommand>) => this.obey(event.data);
  }

  override process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const out = outputs[0]?.[0];
    if (!out) return true;
    const begun = this.tail.length > 0 ? this.playTail(out) : this.queue.render(out);
    for (const item of begun) this.report({ kind: "begun", item });
    this.loudest = Math.max(this.loudest, rms(out));
    if (++this.quanta >= quantaPerReport) this.reportProgress();
    return true;
  }

  private obey(command: PlayerCommand): void {
    switch (command.kind) {
      case "append":
        if (!this.queue.append(command.item, command.samples)) this.report({ kind: "full", item: command.item });
        break;
      case "complete":
        this.queue.complete(command.item);
        break;
      case "flush": {
        const { tail, interrupted } = this.queue.flush();
        this.tail = tail;
        this.report({ kind: "flushed", flush: command.flush, interrupted });
        break;
      }
    }
  }

  private playTail(out: Float32Array): string[] {
    const part = this.tail.subarray(0, out.length);
    out.set(part);
    out.fill(0, part.length);
    this.tail = this.tail.slice(part.length);
    return [];
  }

  /** Silence is reported once, then no more. */
  private reportProgress(): void {
    const silent = this.loudest === 0 && this.queue.samplesQueued === 0;
    if (!silent || !this.wasSilent) {
      const account = this.queue.current();
      this.report({ kind: "progress", level: this.loudest, queued: this.queue.samplesQueued, ...(account && { account: { ...account } }) });
    }
    this.wasSilent = silent;
    this.quanta = this.loudest = 0;
  }

  private report(report: PlayerReport): void {
    this.port.postMessage(report);
  }
}

registerProcessor("player", Player);
