// How long the user waits: from the end of what they said, or typed, to the first sound or word of the answer.

export interface Latency {
  kind: "speech" | "text";
  /** From the user's last sound, or Enter, to the first thing perceived. */
  totalMs: number;
  /** Of it, until the upstream said that the user had stopped speaking. */
  detectMs?: number;
  /** What was perceived first. */
  first: "sound" | "word";
}

export class TurnClock {
  private lastVoice = 0;
  private waiting: { kind: Latency["kind"]; since: number; detected?: number } | undefined;

  /** The user's voice was in the microphone. Times are in milliseconds of any one clock. */
  heardVoice(now: number): void {
    this.lastVoice = now;
  }

  speechStopped(now: number): void {
    this.waiting = { kind: "speech", since: this.lastVoice || now, detected: now };
  }

  typed(now: number): void {
    this.waiting = { kind: "text", since: now };
  }

  /** The user spoke again before anything was heard. */
  abandon(): void {
    this.waiting = undefined;
  }

  /** The first sound or word of an answer; undefined unless somebody waits for one. */
  answered(first: Latency["first"], now: number): Latency | undefined {
    const turn = this.waiting;
    if (!turn) return undefined;
    this.waiting = undefined;
    const latency: Latency = { kind: turn.kind, totalMs: Math.round(now - turn.since), first };
    if (turn.detected !== undefined) latency.detectMs = Math.round(turn.detected - turn.since);
    return latency;
  }
}
