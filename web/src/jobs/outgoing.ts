// The file of a form, from its choice to the gateway's answer. It goes on while the user looks at something else.

import { signal } from "@preact/signals";

export class Outgoing {
  readonly file = signal<File | undefined>(undefined);
  /** While it is on its way. */
  readonly sending = signal<AbortController | undefined>(undefined);
  /** Why it was not taken. */
  readonly problem = signal<unknown>(undefined);

  choose(file: File | undefined): void {
    this.problem.value = undefined;
    this.file.value = file;
  }

  async send(work: (file: File, signal: AbortSignal) => Promise<void>): Promise<void> {
    const file = this.file.value;
    if (!file || this.sending.value) return;
    const controller = (this.sending.value = new AbortController());
    this.problem.value = undefined;
    try {
      await work(file, controller.signal);
      this.file.value = undefined;
    } catch (problem) {
      if (!controller.signal.aborted) this.problem.value = problem;
    } finally {
      if (this.sending.value === controller) this.sending.value = undefined;
    }
  }

  stop(): void {
    this.sending.value?.abort();
    this.sending.value = undefined;
  }
}
