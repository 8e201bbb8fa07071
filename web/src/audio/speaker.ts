import { sampleRate } from "./pcm";
import type { ItemAccount } from "./play-queue";
import { addWorklet } from "./worklet";
import type { PlayerCommand, PlayerReport } from "./worklet-messages";

export interface SpeakerOptions {
  /** Address of the built player worklet. */
  worklet: string;
  /** The first sample of an item leaves for the loudspeaker; `latency` is how many ms it takes to be heard. */
  onBegun(item: string, latency: number): void;
  onProgress(progress: Progress): void;
  /** More audio is queued than the player holds; the rest of the item is not played. */
  onFull(item: string): void;
}

export interface Progress {
  /** Loudest root mean square since the last report, 0 to 1. */
  level: number;
  /** Samples received and not played yet. */
  queued: number;
  account?: ItemAccount;
}

/** The open loudspeaker: a context of 24 kHz, so that a played sample is a received sample. */
export class Speaker {
  private flushes = new Map<number, (interrupted: ItemAccount[]) => void>();
  private lastFlush = 0;

  private constructor(
    private readonly context: AudioContext,
    private readonly node: AudioWorkletNode,
    private readonly options: SpeakerOptions,
  ) {
    node.port.onmessage = ({ data }: MessageEvent<PlayerReport>) => this.hear(data);
  }

  static async open(options: SpeakerOptions): Promise<Speaker> {
    const context = new AudioContext({ sampleRate, latencyHint: "interactive" });
    try {
      await addWorklet(context, options.worklet);
      await context.resume();
      const node = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
      node.connect(context.destination);
      return new Speaker(context, node, options);
    } catch (error) {
      void context.close();
      throw error;
    }
  }

  append(item: string, samples: Float32Array<ArrayBuffer>): void {
    this.command({ kind: "append", item, samples }, [samples.buffer]);
  }

  complete(item: string): void {
    this.command({ kind: "complete", item });
  }

  /** Falls silent at once; resolves with the accounts of the items that were not played to their end. */
  flush(): Promise<ItemAccount[]> {
    const flush = ++this.lastFlush;
    this.command({ kind: "flush", flush });
    return new Promise((resolve) => this.flushes.set(flush, resolve));
  }

  /** Reports that are on their way are not heard any more. */
  close(): void {
    this.node.port.onmessage = null;
    for (const resolve of this.flushes.values()) resolve([]);
    this.flushes.clear();
    void this.context.close();
  }

  private command(command: PlayerCommand, transfer: Transferable[] = []): void {
    this.node.port.postMessage(command, transfer);
  }

  private hear(report: PlayerReport): void {
    switch (report.kind) {
      case "begun":
        this.options.onBegun(report.item, (this.context.outputLatency || 0) * 1000);
        break;
      case "progress":
        this.options.onProgress(report);
        break;
      case "full":
        this.options.onFull(report.item);
        break;
      case "flushed":
        this.flushes.get(report.flush)?.(report.interrupted);
        this.flushes.delete(report.flush);
        break;
    }
  }
}
