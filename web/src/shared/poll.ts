// Asks again and again, politely: one request at a time, a pause after each, none while nobody looks.

export class Poll {
  private readonly stopping = new AbortController();
  private timer = 0;
  private running = false;
  private wanted = false;

  /** `work` says whether to go on; it begins at once. */
  constructor(
    private readonly work: (signal: AbortSignal) => Promise<boolean>,
    private readonly everyMs: number,
  ) {
    document.addEventListener("visibilitychange", () => document.hidden || this.again(), { signal: this.stopping.signal });
    this.again();
  }

  /** Does not wait for the pause to end. What is under way may be too old, so it is asked again after it. */
  again(): void {
    this.wanted = true;
    if (!this.running) void this.run();
  }

  stop(): void {
    this.stopping.abort();
    clearTimeout(this.timer);
  }

  private async run(): Promise<void> {
    clearTimeout(this.timer);
    this.running = true;
    let goOn = true;
    while (this.wanted && goOn && !this.stopping.signal.aborted) {
      this.wanted = false;
      goOn = await this.work(this.stopping.signal);
    }
    this.running = false;
    if (!goOn) this.stop();
    if (this.stopping.signal.aborted) return;
    this.timer = window.setTimeout(() => document.hidden || this.again(), this.everyMs);
  }
}
