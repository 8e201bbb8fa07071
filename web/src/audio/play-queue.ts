// What the player's worklet plays, and the account of it: samples received and really played per item.
// An interruption is answered with these figures, so nothing here is estimated from a clock.

/** One item's account. `played` never exceeds `received`. */
export interface ItemAccount {
  item: string;
  received: number;
  played: number;
  /** The upstream said that no more audio follows. */
  complete: boolean;
}

interface Piece {
  item: string;
  samples: Float32Array;
}

/** Audio held at most; past it the queue takes no more. Ten minutes at 24 kHz. */
const capacity = 24_000 * 600;

/** Buffered before playing starts or goes on after an underrun: 50 ms. */
const lead = 1_200;

/** What an interruption still plays, fading, so that it does not click: 5 ms. */
const fade = 120;

/** Accounts kept after their items ended; a response rarely has more than two items. */
const keptAccounts = 32;

export class PlayQueue {
  private pieces: Piece[] = [];
  /** Samples of the first piece that were played. */
  private offset = 0;
  private queued = 0;
  private running = false;
  private accounts = new Map<string, ItemAccount>();

  /** Returns false, and takes nothing, when the queue is full. */
  append(item: string, samples: Float32Array): boolean {
    if (this.queued + samples.length > capacity) return false;
    this.account(item).received += samples.length;
    if (samples.length > 0) this.pieces.push({ item, samples });
    this.queued += samples.length;
    return true;
  }

  complete(item: string): void {
    this.account(item).complete = true;
  }

  /** Fills `out`, with silence where there is nothing to play. Returns the items that began to be heard. */
  render(out: Float32Array): string[] {
    const begun: string[] = [];
    if (!this.ready()) {
      out.fill(0);
      return begun;
    }
    let filled = 0;
    while (filled < out.length) {
      const piece = this.pieces[0];
      if (!piece) break;
      const account = this.account(piece.item);
      if (account.played === 0) begun.push(piece.item);
      const part = piece.samples.subarray(this.offset, this.offset + out.length - filled);
      out.set(part, filled);
      filled += part.length;
      account.played += part.length;
      this.take(part.length, piece);
    }
    out.fill(0, filled);
    this.running = this.queued > 0;
    return begun;
  }

  /** Drops all but a fade of 5 ms, which counts as played, and returns the accounts of what was interrupted. */
  flush(): { tail: Float32Array; interrupted: ItemAccount[] } {
    const tail = new Float32Array(this.running ? Math.min(fade, this.queued) : 0);
    if (tail.length > 0) this.render(tail);
    for (let i = 0; i < tail.length; i++) tail[i] = (tail[i] as number) * (1 - (i + 1) / tail.length);
    const interrupted = [...this.accounts.values()].filter((a) => a.played < a.received || !a.complete);
    this.pieces = [];
    this.offset = this.queued = 0;
    this.running = false;
    this.accounts.clear();
    return { tail, interrupted };
  }

  get samplesQueued(): number {
    return this.queued;
  }

  /** The item whose samples are next, or the last one played. */
  current(): ItemAccount | undefined {
    const next = this.pieces[0];
    return next ? this.accounts.get(next.item) : [...this.accounts.values()].at(-1);
  }

  private ready(): boolean {
    if (this.queued === 0) return false;
    if (this.running || this.queued >= lead) return true;
    return this.pieces.every((p) => this.account(p.item).complete);
  }

  private take(samples: number, piece: Piece): void {
    this.offset += samples;
    this.queued -= samples;
    if (this.offset < piece.samples.length) return;
    this.pieces.shift();
    this.offset = 0;
  }

  private account(item: string): ItemAccount {
    let account = this.accounts.get(item);
    if (!account) {
      account = { item, received: 0, played: 0, complete: false };
      this.accounts.set(item, account);
      this.forgetOldest();
    }
    return account;
  }

  private forgetOldest(): void {
    for (const [item, a] of this.accounts) {
      if (this.accounts.size <= keptAccounts) return;
      if (a.complete && a.played === a.received) this.accounts.delete(item);
    }
  }
}
