// What the page sent and received, and what it played: for the event log, and for window.switchboard, read only.

import type { ItemAccount } from "../audio/play-queue";
import type { ClientEvent, ServerEvent } from "../realtime/events";
import { EventRing, foldable, type LogEntry } from "../shared/event-ring";

/** Events kept; the oldest go first. */
const capacity = 500;

/** Characters of them that are kept, so that a few large events do not fill the memory. */
const characters = 2_000_000;

/** Items of the player's account. */
const keptItems = 200;

export class Trace {
  readonly ring = new EventRing({ events: capacity, characters });
  readonly counts: Record<string, number> = {};
  /** The item last played, in samples of 24 kHz. */
  account: ItemAccount | undefined;
  /** Loudest root mean square that left for the loudspeaker. */
  loudest = 0;
  /** Items that began to be heard, in order. */
  readonly begunItems: string[] = [];
  /** What the player was dropped in the middle of. */
  readonly cutItems: ItemAccount[] = [];

  sent(event: ClientEvent): void {
    this.note("sent", event);
  }

  received(event: ServerEvent): void {
    this.note("received", event);
  }

  /** The events of one way that are kept, but for runs. */
  events(way: LogEntry["way"]): unknown[] {
    return this.ring.current.filter((e) => e.way === way && e.json).map((e) => JSON.parse(e.json));
  }

  begun(item: string): void {
    this.begunItems.push(item);
    if (this.begunItems.length > keptItems) this.begunItems.shift();
  }

  cut(account: ItemAccount): void {
    this.cutItems.push(account);
    if (this.cutItems.length > keptItems) this.cutItems.shift();
  }

  playing(account: ItemAccount, level: number): void {
    this.account = account;
    this.loudest = Math.max(this.loudest, level);
  }

  clear(): void {
    this.ring.clear();
    this.begunItems.length = this.cutItems.length = 0;
    for (const type of Object.keys(this.counts)) delete this.counts[type];
    this.account = undefined;
    this.loudest = 0;
  }

  private note(way: LogEntry["way"], event: { type: string }): void {
    const { type } = event;
    this.counts[type] = (this.counts[type] ?? 0) + 1;
    this.ring.add(way, type, foldable.test(type) ? "" : JSON.stringify(event));
  }
}
