// What the page sent and received, and what it played: for the event log, and for window.switchboard, read only.

import { signal } from "@preact/signals";
import type { ItemAccount } from "../audio/play-queue";
import type { ClientEvent, ServerEvent } from "../realtime/events";
import { nextFrame } from "../realtime/frame";

/** Events kept; the oldest go first. */
const capacity = 500;

/** Characters of them that are kept, so that a few large events do not fill the memory. */
const characters = 2_000_000;

/** Items of the player's account. */
const keptItems = 200;

/** Events too frequent to be kept one by one: only a run of them is. */
const foldable = /^input_audio_buffer\.append$|\.delta$/;

export interface LogEntry {
  readonly number: number;
  readonly way: "sent" | "received";
  /** Unix time in ms; of the first of a run. */
  readonly at: number;
  readonly type: string;
  /** How many of the type came in a row. */
  readonly times: number;
  /** As JSON; empty for a run. */
  readonly json: string;
}

export class Trace {
  /** Published once per frame, however many events there were. */
  readonly log = signal<readonly LogEntry[]>([]);
  readonly counts: Record<string, number> = {};
  /** The item last played, in samples of 24 kHz. */
  account: ItemAccount | undefined;
  /** Loudest root mean square that left for the loudspeaker. */
  loudest = 0;
  /** Items that began to be heard, in order. */
  readonly begunItems: string[] = [];
  /** What the player was dropped in the middle of. */
  readonly cutItems: ItemAccount[] = [];

  private entries: LogEntry[] = [];
  private size = 0;
  private numbers = 0;
  private publishing = false;

  sent(event: ClientEvent): void {
    this.note("sent", event);
  }

  received(event: ServerEvent): void {
    this.note("received", event);
  }

  /** The events of one way that are kept, but for runs. */
  events(way: LogEntry["way"]): unknown[] {
    return this.entries.filter((e) => e.way === way && e.json).map((e) => JSON.parse(e.json));
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
    this.entries = [];
    this.size = 0;
    this.begunItems.length = this.cutItems.length = 0;
    for (const type of Object.keys(this.counts)) delete this.counts[type];
    this.account = undefined;
    this.loudest = 0;
    this.publish();
  }

  private note(way: LogEntry["way"], event: { type: string }): void {
    const { type } = event;
    this.counts[type] = (this.counts[type] ?? 0) + 1;
    const fold = foldable.test(type);
    const before = this.entries.at(-1);
    if (fold && before?.type === type && before.way === way) {
      this.entries[this.entries.length - 1] = { ...before, times: before.times + 1 };
    } else {
      const json = fold ? "" : JSON.stringify(event);
      this.entries.push({ number: ++this.numbers, way, at: Date.now(), type, times: 1, json });
      this.size += json.length;
      this.drop();
    }
    this.publish();
  }

  private drop(): void {
    while (this.entries.length > capacity || (this.size > characters && this.entries.length > 1)) {
      this.size -= (this.entries.shift() as LogEntry).json.length;
    }
  }

  private publish(): void {
    if (this.publishing) return;
    this.publishing = true;
    nextFrame(() => {
      this.publishing = false;
      this.log.value = [...this.entries];
    });
  }
}
