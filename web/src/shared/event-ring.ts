// The newest events of one session, bounded in number and in characters.

import { signal } from "@preact/signals";
import { nextFrame } from "../realtime/frame";

/** Events too frequent to be stored one by one: a run of them is one entry. */
export const foldable = /^input_audio_buffer\.append$|\.delta$/;

export interface LogEntry {
  readonly number: number;
  readonly way: "sent" | "received";
  /** Unix time in ms; of the first of a run. */
  readonly at: number;
  readonly type: string;
  /** How many of the type came in a row. */
  readonly times: number;
  /** As JSON; of a run the last, or empty. */
  readonly json: string;
}

interface Bounds {
  events: number;
  characters: number;
}

export class EventRing {
  /** Published at most once per `schedule`, however many events there were. */
  readonly log = signal<readonly LogEntry[]>([]);

  private entries: LogEntry[] = [];
  private size = 0;
  private numbers = 0;
  private publishing = false;

  constructor(
    private readonly bounds: Bounds,
    private readonly schedule: (publish: () => void) => void = nextFrame,
  ) {}

  /** The events as they are now; `log` follows. */
  get current(): readonly LogEntry[] {
    return this.entries;
  }

  add(way: LogEntry["way"], type: string, json: string, at = Date.now()): void {
    const before = this.entries.at(-1);
    if (before?.type === type && before.way === way && foldable.test(type)) {
      this.entries[this.entries.length - 1] = { ...before, times: before.times + 1, json };
      this.size += json.length - before.json.length;
    } else {
      this.entries.push({ number: ++this.numbers, way, at, type, times: 1, json });
      this.size += json.length;
    }
    this.drop();
    this.publish();
  }

  clear(): void {
    this.entries = [];
    this.size = 0;
    this.publish();
  }

  private drop(): void {
    while (this.entries.length > this.bounds.events || (this.size > this.bounds.characters && this.entries.length > 1)) {
      this.size -= (this.entries.shift() as LogEntry).json.length;
    }
  }

  private publish(): void {
    if (this.publishing) return;
    this.publishing = true;
    this.schedule(() => {
      this.publishing = false;
      this.log.value = [...this.entries];
    });
  }
}
