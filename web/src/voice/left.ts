// The session that this tab was in when its page was left: a session outlives its page, and a reload goes on with it.

import { signal } from "@preact/signals";
import type { Entry } from "../realtime/conversation";
import { ApiProblem } from "../shared/api";
import { endSession, readSession } from "../shared/sessions";
import type { Settings } from "./settings";
import type { Underway } from "./talk";

export interface LeftSession extends Underway {
  id: string;
  relayUrl: string;
  model: string;
  voice: string;
  answers: Settings["answers"];
  turns?: Settings["turns"];
  startedAt: number;
  /** When the page was left; 0 while it is open. */
  leftAt: number;
  /** What the page had received: the transcript, and the event that was the last. */
  received?: { lastEventId: string; entries: readonly Entry[] };
}

const storageName = "switchboard.session";

export class Left {
  readonly session = signal(load());

  /** Kept for the page that is loaded next. A transcript that there is no room for is read from the gateway then. */
  remember(session: LeftSession): void {
    try {
      sessionStorage.setItem(storageName, JSON.stringify(session));
    } catch {
      const { received: _, ...rest } = session;
      sessionStorage.setItem(storageName, JSON.stringify(rest));
    }
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
