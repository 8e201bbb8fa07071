// Reads along in a session: what is kept of its conversation, then what happens in it.

import { Conversation } from "../realtime/conversation";
import { parseServerEvent, type ServerEvent, type StoredItem } from "../realtime/events";
import { ApiProblem } from "../shared/api";
import { EventStream } from "../shared/event-stream";
import { Poll } from "../shared/poll";
import type { Store } from "./store";

/** After these a session's facts are others. */
const turns = new Set(["response.created", "response.done", "session.updated"]);

/** Between two attempts to read the items. */
const againMs = 3_000;

/** Between two turns that are told of: the session's facts are read anew after each. */
const restMs = 1_000;

/** One answer has several items at most: they are measured together. */
const measureMs = 300;

export class Watch {
  readonly conversation = new Conversation();

  private readonly path: string;
  private stream: EventStream | undefined;
  private items: Poll | undefined;
  /** What happened while the items were on their way: it comes on top of them. */
  private meanwhile: ServerEvent[] | undefined;
  private seen = false;
  private resting: ReturnType<typeof setTimeout> | undefined;
  private again = false;
  private measuring: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly store: Store,
    id: string,
    private readonly key: string,
    private readonly onTurn: () => void,
  ) {
    this.path = `/realtime/sessions/${encodeURIComponent(id)}`;
  }

  /** Of a session that has ended there is nothing to follow. */
  open(ended: boolean): void {
    if (ended) this.readItems();
    else this.follow();
  }

  close(): void {
    this.stream?.close();
    this.items?.stop();
    clearTimeout(this.measuring);
    clearTimeout(this.resting);
  }

  private follow(): void {
    this.stream = new EventStream({
      path: `${this.path}/events`,
      key: this.key,
      lastId: "",
      onState: (state) => {
        if (state === "live" && !this.seen) this.readItems(); // later on the stream itself goes on where it was
      },
      onEvent: (event) => this.take(event.data),
      onEnd: () => {
        this.conversation.end();
        this.onTurn();
      },
    });
  }

  private take(data: string): void {
    this.seen = true;
    const event = parseServerEvent(data);
    if (!event) return;
    if (this.meanwhile) this.meanwhile.push(event);
    else this.conversation.apply(event);
    if (turns.has(event.type)) this.turned();
    if (event.type === "conversation.item.truncated") this.measureSoon();
  }

  /** Tells of a turn at once, and of those that follow it closely together. */
  private turned(): void {
    if (this.resting) {
      this.again = true;
      return;
    }
    this.onTurn();
    this.resting = setTimeout(() => {
      this.resting = undefined;
      if (this.again) this.turned();
      this.again = false;
    }, restMs);
  }

  /** The stream has no audio, so that only the gateway knows how much of an answer was heard. */
  private measureSoon(): void {
    clearTimeout(this.measuring);
    this.measuring = setTimeout(async () => {
      const kept = await this.store.get<{ items: StoredItem[] }>(`${this.path}/items`).catch(() => undefined);
      for (const item of kept?.items ?? []) this.conversation.measure(item);
    }, measureMs);
  }

  /** Asks until they have come. */
  private readItems(): void {
    this.items?.stop();
    this.items = new Poll((signal) => this.read(signal), againMs);
  }

  /** Reports whether to ask again. What happens till then is shown all the same. */
  private async read(signal: AbortSignal): Promise<boolean> {
    const meanwhile: ServerEvent[] = (this.meanwhile = []);
    let goOn = false;
    const get = () =>
      this.store.get<{ items: StoredItem[] }>(`${this.path}/items`, signal).catch((problem) => {
        goOn = !(problem instanceof ApiProblem && problem.final);
        throw problem;
      });
    const kept = await this.store.attempt("The conversation could not be read", get, signal);
    if (signal.aborted) return false;
    if (kept) this.conversation.apply({ type: "switchboard.session.reset", items: kept.items });
    for (const event of meanwhile) this.conversation.apply(event);
    this.meanwhile = undefined;
    return goOn;
  }
}
