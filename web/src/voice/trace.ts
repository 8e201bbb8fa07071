// What the page did, for browser tests and for whoever looks under the bonnet: window.switchboard, read only.

import type { ItemAccount } from "../audio/play-queue";
import type { ClientEvent, ServerEvent } from "../realtime/events";

/** Events kept each way; audio and the like are only counted. */
const capacity = 200;

/** Events too frequent to be kept one by one. */
const countedOnly = /^input_audio_buffer\.append$|\.delta$/;

export class Trace {
  readonly sentEvents: ClientEvent[] = [];
  readonly receivedEvents: ServerEvent[] = [];
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
    this.note(this.sentEvents, event);
  }

  received(event: ServerEvent): void {
    this.note(this.receivedEvents, event);
  }

  begun(item: string): void {
    this.begunItems.push(item);
    if (this.begunItems.length > capacity) this.begunItems.shift();
  }

  cut(account: ItemAccount): void {
    this.cutItems.push(account);
    if (this.cutItems.length > capacity) this.cutItems.shift();
  }

  playing(account: ItemAccount, level: number): void {
    this.account = account;
    this.loudest = Math.max(this.loudest, level);
  }

  clear(): void {
    this.sentEvents.length = this.receivedEvents.length = this.begunItems.length = this.cutItems.length = 0;
    for (const type of Object.keys(this.counts)) delete this.counts[type];
    this.account = undefined;
    this.loudest = 0;
  }

  private note<E extends { type: string }>(kept: E[], event: E): void {
    this.counts[event.type] = (this.counts[event.type] ?? 0) + 1;
    if (countedOnly.test(event.type)) return;
    kept.push(event);
    if (kept.length > capacity) kept.shift();
  }
}
