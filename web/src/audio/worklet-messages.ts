// What the page and its two worklets say to each other.

import type { ItemAccount } from "./play-queue";

export interface CaptureReport {
  /** 40 ms of PCM16 at 24 kHz. */
  pcm: ArrayBuffer;
  /** Root mean square, 0 to 1. */
  level: number;
}

export type PlayerCommand = { kind: "append"; item: string; samples: Float32Array<ArrayBuffer> } | { kind: "complete"; item: string } | { kind: "flush"; flush: number };

export type PlayerReport =
  | { kind: "begun"; item: string }
  | { kind: "progress"; level: number; queued: number; account?: ItemAccount }
  | { kind: "flushed"; flush: number; interrupted: ItemAccount[] }
  | { kind: "full"; item: string };
