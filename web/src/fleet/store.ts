// How the page asks the gateway, and what it knows of its own key.

import { signal, useSignal } from "@preact/signals";
import { ApiProblem } from "../shared/api";
import { identify } from "../shared/key";
import { PageStore } from "../shared/page-store";
import { Poll } from "../shared/poll";
import { explain, type Notice } from "../shared/words";
import { Drafts } from "./drafts";
import { useReading } from "./reading";
import type { Session } from "./types";

const everyMs = 3_000;

export class Store extends PageStore {
  /** Whether the key sees and steers all of the fleet; undefined until the gateway was asked. */
  readonly operator = signal<boolean | undefined>(undefined);
  /** The session that is looked at. */
  readonly session = signal<Session | undefined>(undefined);
  /** Whether there is none of its ID. */
  readonly missing = signal(false);
  readonly drafts = new Drafts();

  private role: Poll | undefined;
  private missedNotice: Notice | undefined;

  override start(key: string): void {
    this.key = key;
    this.operator.value = undefined;
    this.session.value = undefined;
    this.drafts.clear();
    this.notice.value = undefined;
    this.loaded.value = false;
    this.phase.value = key ? "starting" : "idle";
    this.role?.stop();
    this.role = key ? new Poll((signal) => this.askRole(signal), everyMs) : undefined;
  }

  /** An answer came. */
  heard(): void {
    this.phase.value = "live";
    this.loaded.value = true;
    if (this.notice.value === this.missedNotice) this.notice.value = undefined;
  }

  /** None came. Reports whether it may come later. */
  missed(problem: unknown, what: string): boolean {
    const final = problem instanceof ApiProblem && problem.final;
    const signedIn = this.loaded.peek() && !(problem instanceof ApiProblem && problem.status === 401);
    this.phase.value = !final ? "reconnecting" : signedIn ? "live" : "idle";
    // That a connection was lost is told by its phase, once there was one.
    const told = final || !this.loaded.peek() ? explain(problem, what) : undefined;
    if (told || this.notice.value === this.missedNotice) this.notice.value = told;
    this.missedNotice = told;
    return !final;
  }

  /** Reports whether to ask again. */
  private async askRole(signal: AbortSignal): Promise<boolean> {
    try {
      const { role } = await identify(this.key);
      if (signal.aborted) return false;
      this.operator.value = role !== "app";
    } catch (problem) {
      return !signal.aborted && this.missed(problem, "The fleet could not be read");
    }
    this.heard();
    return false;
  }
}

/** What is at an address, told by the page's phase and notice. `gone` is set where there is nothing. */
export function usePolled<T>(store: Store, what: string, address: () => string) {
  const gone = useSignal(false);
  const reading = useReading<T>(store, everyMs, address, {
    read() {
      store.heard();
      return true;
    },
    failed(problem) {
      if (!(problem instanceof ApiProblem && problem.status === 404)) return store.missed(problem, what);
      store.heard();
      gone.value = true;
      return false;
    },
  });
  return { ...reading, gone };
}
