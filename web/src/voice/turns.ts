// How long the answers of a session took, turn by turn.

import { signal } from "@preact/signals";
import { type Latency, TurnClock } from "../realtime/latency";

/** Latencies kept for the median. */
const kept = 50;

export class Turns {
  readonly latencies = signal<readonly Latency[]>([]);
  clock = new TurnClock();

  answered(first: Latency["first"], now: number): void {
    const latency = this.clock.answered(first, now);
    if (latency) this.latencies.value = [...this.latencies.value, latency].slice(-kept);
  }

  clear(): void {
    this.latencies.value = [];
    this.clock = new TurnClock();
  }
}
