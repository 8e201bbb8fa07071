// The session that this tab was in when its page was left: a session outlives its page, and a reload goes on with it.

import { signal } from "@preact/signals";
import { ApiProblem } from "../shared/api";
import { endSession, readSession } from "../shared/sessions";
import type { Settings } from "./settings";

export interface LeftSession {
  id: string;
  relayUrl: string;
  model: string;
  voice: string;
  answers: Settings["answers"];
  startedAt: number;
  /** When the page was left; 0 while it is open. */
  leftAt: number;
  /** The answer that was being played, and how much of it was heard. */
  playing?: { item: string; heardMs: number };
}

const storageName = "switchboard.session";

export class Left {
  readonly session = signal(load());

  /** Kept for the page that is loaded next. */
  remember(session: LeftSession): void {
    sessionStorage.setItem(storageName, JSON.stringify(session));
  }

  forget(): void {
    this.session.value = undefined;
    sessionStorage.removeItem(storageName);
  }

  /** Forgets it if it has ended; a gateway that does not answer says nothing about that. */
  async check(key: string): Promise<void> {
    const left = this.session.peek();
    if (!left) return;
    const ended = await readSession(key, left.id).then(
      ({ status }) => status === "ended",
      (problem) => problem instanceof ApiProblem && (problem.status === 404 || problem.status === 410),
    );
    if (ended && this.session.peek() === left) this.forget();
  }

  /** Ends it, where another one is wanted, or none. */
  end(key: string): void {
    const left = this.session.peek();
    if (!left) return;
    endSession(key, left.id).catch(() => undefined);
    this.forget();
  }
}

function load(): LeftSession | undefined {
  try {
    const left = JSON.parse(sessionStorage.getItem(storageName) ?? "null");
    return typeof left?.id === "string" ? left : undefined;
  } catch {
    return undefined;
  }
}
