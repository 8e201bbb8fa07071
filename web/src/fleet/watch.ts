// Reads along in a session: what is kept of its conversation, then what happens in it.

import { Conversation } from "../realtime/conversation";
import { parseServerEvent, type ServerEvent, type StoredItem } from "../realtime/events";
import { EventStream } from "../shared/event-stream";
import type { Store } from "./store";

/** After these a session's facts are others. */
const turns = new Set(["response.created", "response.done", "session.updated"]);

export class Watch {
  readonly conversation = new Conversation();

  private readonly path: string;
  private stream: EventStream | undefined;
  /** What happened while the items were on their way: it comes on top of them. */
  private meanwhile: ServerEvent[] | undefined;
  private seen = false;

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
    if (ended) void this.read();
    else this.follow();
  }

  close(): void {
    this.stream?.close();
  }

  private follow(): void {
    this.stream = new EventStream({
      path: `${this.path}/events`,
      key: this.key,
      lastId: "",
      onState: (state) => {
        if (state === "live" && !this.seen) void this.read(); // later on the stream itself goes on where it was
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
    if (turns.has(event.type)) this.onTurn();
  }

  private async read(): Promise<void> {
    this.meanwhile = [];
    const kept = await this.store.attempt("The conversation could not be read", () => this.store.get<{ items: StoredItem[] }>(`${this.path}/items`));
    if (kept) this.conversation.apply({ type: "switchboard.session.reset", items: kept.items });
    for (const event of this.meanwhile) this.conversation.apply(event);
    this.meanwhile = undefined;
  }
}
