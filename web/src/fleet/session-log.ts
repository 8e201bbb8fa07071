// What the log of a session says beside its conversation: the events themselves, and how its instructions changed.

import { signal } from "@preact/signals";
import type { ServerEvent } from "../realtime/events";
import { EventRing } from "../shared/event-ring";

/** As many as the gateway stores; in memory a character is one byte or two. */
const bounds = { events: 2_000, characters: 2 << 20 };

/** Bounds of the versions of its instructions. */
const versionsKept = 50;
const versionsCharacters = 512 << 10;

/** The list of events is drawn anew at most as often as one can look. */
const publishMs = 250;

/** A change is acknowledged first; who made it is logged right after. */
const authorWithinMs = 5_000;

/** The instructions of a session from one moment on, with all broadcasts. */
export interface Version {
  readonly at: number;
  readonly text: string;
  /** Who changed it: the name of an API key. Absent: the session began with it, or a client changed it. */
  readonly by?: string;
  /** Whether a broadcast changed it. */
  readonly broadcast?: boolean;
}

export class SessionLog {
  readonly ring = new EventRing(bounds, (publish) => setTimeout(publish, publishMs));
  /** Oldest first. */
  readonly versions = signal<readonly Version[]>([]);

  add(event: ServerEvent, json: string, at: number): void {
    this.ring.add("received", event.type, json, at);
    if (event.type === "session.created" || event.type === "session.updated") this.changed(event.session.instructions, at);
    if (event.type === "switchboard.session.command") this.authored(event, at);
  }

  clear(): void {
    this.ring.clear();
    this.versions.value = [];
  }

  private changed(text: unknown, at: number): void {
    const all = this.versions.peek();
    if (typeof text !== "string" || text === all.at(-1)?.text) return;
    const kept = [...all, { at, text }].slice(-versionsKept);
    let size = kept.reduce((sum, v) => sum + v.text.length, 0);
    while (size > versionsCharacters && kept.length > 2) size -= (kept.shift() as Version).text.length;
    this.versions.value = kept;
  }

  private authored(event: ServerEvent & { type: "switchboard.session.command" }, at: number): void {
    const broadcast = event.command === "broadcast" || event.command === "withdraw";
    if (!broadcast && !(event.command === "update" && event.fields?.some((f) => f.endsWith("instructions")))) return;
    const all = this.versions.peek();
    const last = all.at(-1);
    if (!last || last.by !== undefined || at - last.at > authorWithinMs) return;
    this.versions.value = [...all.slice(0, -1), { ...last, by: event.by, broadcast }];
  }
}
