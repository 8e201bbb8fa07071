// What the user typed: it may be typed without a connection, or be lost with one.

import { type ClientEvent, newId, type ServerEvent } from "../realtime/events";

/** Messages that may wait for a connection. */
const capacity = 20;

export class TypedMessages {
  /** Not confirmed yet, by the item's ID, oldest first. */
  private readonly open = new Map<string, { text: string; sent: boolean }>();

  get full(): boolean {
    return this.open.size >= capacity;
  }

  add(text: string, id = newId("item")): string {
    this.open.set(id, { text, sent: false });
    return id;
  }

  unsent(): string[] {
    return [...this.open].filter(([, message]) => !message.sent).map(([id]) => id);
  }

  /** Reports whether it was sent. */
  send(id: string, send: (event: ClientEvent) => boolean): boolean {
    const message = this.open.get(id);
    if (!message) return false;
    const content = [{ type: "input_text" as const, text: message.text }];
    message.sent = send({ type: "conversation.item.create", event_id: id.replace("item_", "say_"), item: { id, type: "message", role: "user", content } });
    return message.sent;
  }

  /** A connection was lost: what was sent over it and not confirmed is sent again, unless it is among the items that the gateway has. */
  async doubt(readItems: () => Promise<readonly { id: string }[]>): Promise<void> {
    const doubtful = [...this.open].filter(([, message]) => message.sent);
    if (!doubtful.length) return;
    const items = await readItems().catch(() => undefined);
    if (!items) return; // in doubt nothing is said twice
    const known = new Set(items.map((item) => item.id));
    for (const [id, message] of doubtful) {
      if (known.has(id)) this.open.delete(id);
      else message.sent = false;
    }
  }

  apply(event: ServerEvent): void {
    if (event.type === "conversation.item.added" || event.type === "conversation.item.created" || event.type === "conversation.item.done") this.open.delete(event.item.id);
    else if (event.type === "error") this.open.delete((event.error.event_id ?? "").replace("say_", "item_")); // refused: said again it would be refused again
  }

  clear(): void {
    this.open.clear();
  }
}
