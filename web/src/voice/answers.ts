// Asks for answers. The protocol allows one response at a time: another one waits for that which is active to be done.

import { type ClientEvent, type ErrorDetails, newId } from "../realtime/events";

export class Answers {
  /** The response that is being generated. */
  active: string | undefined;
  private wanted = false;

  constructor(private readonly send: (event: ClientEvent) => unknown) {}

  /** Whether another one is to follow the active one. */
  get waiting(): boolean {
    return this.wanted;
  }

  ask(): void {
    this.wanted = this.active !== undefined;
    if (!this.wanted) this.send({ type: "response.create", event_id: newId("answer") });
  }

  begun(id: string): void {
    this.active = id;
  }

  done(id: string): void {
    if (this.active === id) this.active = undefined;
    if (this.wanted) this.ask();
  }

  /** Nothing more comes of the response that was active. */
  forget(): void {
    this.active = undefined;
    if (this.wanted) this.ask();
  }

  /** A response that the page did not know of came first: ask again when it is done. */
  refused(error: ErrorDetails): void {
    if (error.code === "conversation_already_has_active_response" && error.event_id?.startsWith("answer_")) this.wanted = true;
  }

  clear(): void {
    this.active = undefined;
    this.wanted = false;
  }
}
