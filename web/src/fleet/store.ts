// How the page asks the gateway, and what it knows of its own key.

import { signal, useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { ApiProblem } from "../shared/api";
import { identify } from "../shared/key";
import { PageStore } from "../shared/page-store";
import { Poll } from "../shared/poll";
import { explain, type Notice } from "../shared/words";
import { Drafts } from "./drafts";
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

/** What is at an address, read anew while it is looked at. `gone` is set where there is nothing. */
export function usePolled<T>(store: Store, what: string, address: () => string) {
  const answer = useSignal<T | undefined>(undefined);
  const gone = useSignal(false);
  const poll = useRef<Poll | undefined>(undefined);
  useSignalEffect(() => {
    const path = address();
    const read = async (signal: AbortSignal): Promise<boolean> => {
      try {
        const body = await store.get<T>(path, signal);
        if (signal.aborted) return false;
        answer.value = body;
        store.heard();
        return true;
      } catch (problem) {
        if (signal.aborted) return false;
        if (problem instanceof ApiProblem && problem.status === 404) {
          store.heard();
          gone.value = true;
          return false;
        }
        return store.missed(problem, what);
      }
    };
    const current = (poll.current = new Poll(read, everyMs));
    return () => current.stop();
  });
  return { answer, gone, again: () => poll.current?.again() };
}
