// What the upstream has to learn even if the connection is lost meanwhile: an interruption changes what the model
// remembers, and it waits for the result of a function.

import type { ClientEvent, ServerEvent } from "./events";

export type Interruption = Extract<ClientEvent, { type: "conversation.item.truncate" | "response.cancel" }>;
export type Lasting = Interruption | Extract<ClientEvent, { type: "conversation.item.create" }>;

/** Events kept; the oldest go first. More than are made in a minute without a connection. */
const capacity = 200;

/** Keeps events until they are confirmed. All of them may be sent twice: the second one is refused and changes nothing. */
export class Outbox {
  private readonly kept = new Map<string, Lasting>();

  constructor(private readonly send: (event: ClientEvent) => unknown) {}

  /** What is not confirmed yet. */
  get pending(): readonly Lasting[] {
    return [...this.kept.values()];
  }

  post(event: Lasting): void {
    this.kept.set(subject(event), event);
    if (this.kept.size > capacity) this.kept.delete(this.kept.keys().next().value as string);
    this.send(event);
  }

  /** To be called first when there is a connection again. */
  resend(): void {
    for (const event of this.kept.values()) this.send(event);
  }

  apply(event: ServerEvent): void {
    switch (event.type) {
      case "conversation.item.truncated":
      case "conversation.item.deleted":
        this.kept.delete(event.item_id);
        break;
      case "conversation.item.added":
      case "conversation.item.created":
      case "conversation.item.done":
        if (this.kept.get(event.item.id)?.type === "conversation.item.create") this.kept.delete(event.item.id);
        break;
      case "response.done":
        this.kept.delete(event.response.id);
        break;
      case "error":
        for (const [key, { event_id }] of this.kept) if (event_id === event.error.event_id) this.kept.delete(key);
        break;
    }
  }

  clear(): void {
    this.kept.clear();
  }
}

function subject(event: Lasting): string {
  switch (event.type) {
    case "response.cancel":
      return event.response_id;
    case "conversation.item.truncate":
      return event.item_id;
    case "conversation.item.create":
      return event.item.id;
  }
}
