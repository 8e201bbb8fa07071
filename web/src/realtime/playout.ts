// Playing answers and interrupting them. Over a WebSocket the upstream does not know what was heard:
// the page falls silent first and then says, for each item, how many milliseconds were really played.

import { decodeBase64 } from "../audio/base64";
import { readPcm16, samplesToMs } from "../audio/pcm";
import type { ItemAccount } from "../audio/play-queue";
import type { ServerEvent } from "./events";
import { newId } from "./events";
import type { Interruption } from "./outbox";

/** What Playout needs of the speaker. */
interface Output {
  append(item: string, samples: Float32Array<ArrayBuffer>): void;
  complete(item: string): void;
  flush(): Promise<ItemAccount[]>;
}

interface PlayoutOptions {
  output: Output;
  send(event: Interruption): void;
  /** An item was cut after `account.played` samples. */
  onCut(account: ItemAccount): void;
}

export class Playout {
  /** Responses whose remaining audio is not to be heard; each leaves with its response.done. */
  private silenced = new Set<string>();
  /** Items of silenced responses that the upstream was already told of. */
  private dropped = new Set<string>();
  /** Flushes whose accounts are not known yet. */
  private flushing = 0;
  /** Items whose audio came meanwhile: whether anything was heard of them is for the accounts to tell. */
  private late = new Set<string>();
  /** The response being generated. */
  private active: string | undefined;

  constructor(private readonly options: PlayoutOptions) {}

  apply(event: ServerEvent): void {
    switch (event.type) {
      case "response.created":
        this.active = event.response.id;
        break;
      case "response.output_audio.delta":
        if (this.silenced.has(event.response_id)) this.drop(event.item_id);
        else this.options.output.append(event.item_id, readPcm16(decodeBase64(event.delta)));
        break;
      case "response.output_audio.done":
        if (!this.silenced.has(event.response_id)) this.options.output.complete(event.item_id);
        break;
      case "response.done":
        if (this.active === event.response.id) this.active = undefined;
        if (this.silenced.delete(event.response.id) && this.silenced.size === 0) this.dropped.clear();
        break;
    }
  }

  /** Falls silent and tells the upstream what was heard. Returns how many items were cut. */
  async interrupt(): Promise<number> {
    if (this.active) this.silenced.add(this.active);
    this.flushing++;
    const accounts = await this.options.output.flush();
    this.flushing--;
    for (const account of accounts) {
      this.dropped.add(account.item);
      this.truncate(account.item, samplesToMs(Math.min(account.played, account.received)));
      this.options.onCut(account);
    }
    if (this.flushing === 0) this.dropLate();
    return accounts.length;
  }

  /** What comes of a response is not to be heard: it was interrupted before, by a page that is gone. */
  silence(response: string, item: string): void {
    this.silenced.add(response);
    this.dropped.add(item);
  }

  /** After a lost upstream nothing more comes of the responses that were known. */
  reset(): void {
    this.silenced.clear();
    this.dropped.clear();
    this.late.clear();
    this.active = undefined;
  }

  /** Audio that was on its way when the answer was cut: never played, so it is cut at zero. */
  private drop(item: string): void {
    if (this.flushing > 0) return void this.late.add(item);
    if (this.dropped.has(item)) return;
    this.dropped.add(item);
    this.truncate(item, 0);
    this.options.onCut({ item, received: 0, played: 0, complete: false });
  }

  private dropLate(): void {
    for (const item of this.late) this.drop(item);
    this.late.clear();
  }

  private truncate(item: string, ms: number): void {
    this.options.send({ type: "conversation.item.truncate", event_id: newId("truncate"), item_id: item, content_index: 0, audio_end_ms: ms });
  }
}
