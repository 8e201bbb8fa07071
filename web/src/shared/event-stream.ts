// Server-sent events over fetch: EventSource cannot send an API key.

import { ApiProblem, ask } from "./api";

export interface ServerEvent {
  id: string;
  type: string;
  data: string;
}

/** Takes a stream apart; feed it text as it comes. */
class EventParser {
  private rest = "";
  private id = "";
  private type = "";
  private data: string[] = [];

  /** The events that `text` completes. */
  *feed(text: string): Generator<ServerEvent> {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() as string;
    for (const line of lines) {
      if (line === "") {
        if (this.data.length) yield { id: this.id, type: this.type || "message", data: this.data.join("\n") };
        this.type = "";
        this.data = [];
        continue;
      }
      const [, name, value = ""] = line.match(/^([^:]*):? ?(.*)$/s) as RegExpMatchArray;
      if (name === "id") this.id = value;
      else if (name === "event") this.type = value;
      else if (name === "data") this.data.push(value);
    }
  }
}

type StreamState = "connecting" | "live" | "lost";

interface StreamOptions {
  path: string;
  key: string;
  /** Events after this one are wanted. */
  lastId: string;
  onEvent(event: ServerEvent): void;
  onState(state: StreamState, attempt: number): void;
  /** It does not go on: there will be no more (204), or the key is not accepted, say. */
  onEnd(problem?: ApiProblem): void;
}

/** The gateway sends a comment every 15 s; a connection that is silent for longer than this is dead. */
const silenceMs = 40_000;
const firstWaitMs = 500;
const longestWaitMs = 15_000;

/** Follows a stream until it is closed, over as many connections as it takes, and misses nothing between them. */
export class EventStream {
  private readonly closing = new AbortController();
  private lastId: string;
  private attempt = 0;
  private hurry: () => void = () => undefined;

  constructor(private readonly options: StreamOptions) {
    this.lastId = options.lastId;
    addEventListener("online", () => this.hurry(), { signal: this.closing.signal });
    void this.run();
  }

  close(): void {
    this.closing.abort();
  }

  private async run(): Promise<void> {
    const { onState, onEnd } = this.options;
    onState("connecting", 0);
    while (!this.closing.signal.aborted) {
      try {
        if (!(await this.connect())) return onEnd();
      } catch (problem) {
        if (this.closing.signal.aborted) return;
        if (problem instanceof ApiProblem && problem.final) return onEnd(problem);
      }
      if (this.closing.signal.aborted) return;
      this.attempt++;
      onState("lost", this.attempt);
      await this.pause(Math.min(longestWaitMs, firstWaitMs * 2 ** (this.attempt - 1)) * (0.75 + Math.random() / 2));
    }
  }

  /** One connection's life; false when it was the last one. */
  private async connect(): Promise<boolean> {
    const connection = new AbortController();
    const closed = () => connection.abort();
    this.closing.signal.addEventListener("abort", closed);
    let silence = setTimeout(closed, silenceMs);
    try {
      const { path, key, onState, onEvent } = this.options;
      const headers = { Accept: "text/event-stream", "Last-Event-ID": this.lastId };
      const response = await ask({ method: "GET", path, key, headers, signal: connection.signal, patient: true });
      this.attempt = 0;
      if (response.status === 204) return false;
      onState("live", 0);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const text = new TextDecoder();
      const parser = new EventParser();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        clearTimeout(silence);
        silence = setTimeout(closed, silenceMs);
        for (const event of parser.feed(text.decode(part.value, { stream: true }))) {
          this.lastId = event.id;
          onEvent(event);
        }
      }
      return true;
    } finally {
      clearTimeout(silence);
      this.closing.signal.removeEventListener("abort", closed);
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      const now = () => {
        clearTimeout(timer);
        resolve();
      };
      this.hurry = now;
      this.closing.signal.addEventListener("abort", now, { once: true });
    });
  }
}
