// The WebSocket to the gateway's relay: opened, watched, and opened again when it is lost.

import type { ClientEvent, ServerEvent } from "./events";
import { parseServerEvent } from "./events";

/** Where to attach, and with which token. */
export interface Ticket {
  url: string;
  token: string;
}

export type RelayState = { name: "connecting" } | { name: "open" } | { name: "lost"; attempt: number; waitMs: number };

/** Why a relay is over for good. */
export interface RelayEnd {
  code: number;
  reason: string;
}

interface RelayOptions {
  /** Asked before each attempt. Throwing RelayOver ends the relay, any other error is tried again. */
  ticket(): Promise<Ticket>;
  onEvent(event: ServerEvent): void;
  onState(state: RelayState): void;
  onEnd(end: RelayEnd): void;
  /** The last event that another relay of this client received: what came after it is sent first. */
  lastEventId?: string;
  /** It only listens: it acknowledges nothing, and misses what happens while it is lost. */
  listens?: boolean;
}

/** The session is gone; attaching again makes no sense. */
export class RelayOver extends Error {
  constructor(readonly end: RelayEnd) {
    super(end.reason);
  }
}

/** Not a close code of the protocol: the gateway could not be reached again. */
export const unreachable = 0;

/** Waits between attempts, in ms; after the last one the relay gives up: about a minute in all. */
const waits = [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 15_000, 15_000];

/** A connection that held this long was good: the next loss is tried again from the start. */
const stableMs = 10_000;

/** Going away, no status, lost, upstream trouble, restart, try again later: the session may well live on. */
const comeBack = new Set([1001, 1005, 1006, 1011, 1012, 1013]);

/** How long after an event it is acknowledged, with all that came since. */
const ackMs = 1_000;

/** Bytes waiting in the browser past which audio is left out: about 5 s of it. */
const sendLimit = 320_000;

export class Relay {
  private socket: WebSocket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private ackTimer: ReturnType<typeof setTimeout> | undefined;
  /** Of the last event that was received. */
  lastEventId: string;
  private attempt = 0;
  /** When the present connection opened; infinity without one. */
  private openedAt = Number.POSITIVE_INFINITY;
  private over = false;

  constructor(private readonly options: RelayOptions) {
    this.lastEventId = options.lastEventId ?? "";
  }

  open(): void {
    this.options.onState({ name: "connecting" });
    void this.connect();
  }

  /** Returns false if the event was not sent: no connection, or audio that the connection is too slow for. */
  send(event: ClientEvent): boolean {
    const { socket } = this;
    if (!socket || !this.connected) return false;
    if (event.type === "input_audio_buffer.append" && socket.bufferedAmount > sendLimit) return false;
    socket.send(JSON.stringify(event));
    return true;
  }

  /** Ends the relay for good, without a call of onEnd. */
  close(): void {
    this.over = true;
    clearTimeout(this.timer);
    clearTimeout(this.ackTimer);
    this.socket?.close(1000);
  }

  get connected(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** The network is gone, which a socket may not notice for minutes. */
  lose(): void {
    if (this.openedAt === Number.POSITIVE_INFINITY) return;
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
    this.retry();
  }

  /** Does not wait for the next attempt any longer. */
  hurry(): void {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    void this.connect();
  }

  private async connect(): Promise<void> {
    let ticket: Ticket;
    try {
      ticket = await this.options.ticket();
    } catch (error) {
      if (this.over) return;
      return error instanceof RelayOver ? this.end(error.end) : this.retry();
    }
    if (this.over) return;
    const socket = new WebSocket(this.address(ticket.url), ["realtime", `openai-insecure-api-key.${ticket.token}`]);
    this.socket = socket;
    socket.onopen = () => {
      this.openedAt = performance.now();
      this.options.onState({ name: "open" });
    };
    socket.onmessage = ({ data }) => this.receive(data);
    socket.onclose = ({ code, reason }) => {
      if (this.over || socket !== this.socket) return;
      if (comeBack.has(code)) this.retry();
      else this.end({ code, reason });
    };
  }

  private receive(data: unknown): void {
    const event = parseServerEvent(data);
    if (!event) return;
    // A relay that comes back greets with a session.created of its own, before what was missed.
    if (event.event_id && !this.options.listens && !(this.lastEventId && event.type === "session.created")) this.see(event.event_id);
    this.options.onEvent(event);
  }

  /** Notes the last event, and acknowledges it within a second: the gateway then keeps no copy of it. */
  private see(eventId: string): void {
    this.lastEventId = eventId;
    this.ackTimer ??= setTimeout(() => {
      this.ackTimer = undefined;
      this.send({ type: "switchboard.ack", last_event_id: this.lastEventId });
    }, ackMs);
  }

  private retry(): void {
    if (performance.now() - this.openedAt > stableMs) this.attempt = 0;
    this.openedAt = Number.POSITIVE_INFINITY;
    const wait = waits[this.attempt++];
    if (wait === undefined) return this.end({ code: unreachable, reason: "" });
    // Clients that lost one gateway do not come back all at once.
    const waitMs = wait * (0.75 + Math.random() / 2);
    this.options.onState({ name: "lost", attempt: this.attempt, waitMs });
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.connect();
    }, waitMs);
  }

  private end(end: RelayEnd): void {
    this.over = true;
    this.options.onEnd(end);
  }

  private address(relayUrl: string): string {
    const url = new URL(relayUrl, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    if (this.lastEventId) url.searchParams.set("last_event_id", this.lastEventId);
    return url.href;
  }
}
