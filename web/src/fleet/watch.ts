// Reads along in a session: its conversation as the gateway stores it, its log, and what happens in it.

import { signal } from "@preact/signals";
import { Conversation } from "../realtime/conversation";
import { parseServerEvent, type ServerEvent, type StoredItem, type Viewer } from "../realtime/events";
import { ApiProblem } from "../shared/api";
import { EventStream } from "../shared/event-stream";
import { Poll } from "../shared/poll";
import { SessionLog } from "./session-log";
import type { Store } from "./store";

/** After these a session's facts are others. */
const turns = new Set(["response.created", "response.done", "session.updated", "switchboard.session.command", "switchboard.session.client"]);

/** After these an item has another latency, or another part of it was heard. */
const measured = new Set(["response.done", "conversation.item.truncated", "conversation.item.input_audio_transcription.completed"]);

/** Words that come closely together are drawn together: one reads along, and does not speak. */
const drawMs = 100;

/** Between two attempts to read the items. */
const againMs = 3_000;

/** Between two turns that are told of: the session's facts are read anew after each. */
const restMs = 1_000;

/** What happens closely together is measured together, by looking at so many items. */
const measureMs = 700;
const measuredItems = 40;

interface Items {
  items: StoredItem[];
  /** The newest event that the items include; absent if the session has ended. */
  last_event_id?: string;
}

interface Happened {
  id: string;
  event: ServerEvent;
}

export class Watch {
  readonly conversation = new Conversation((publish) => setTimeout(publish, drawMs));
  readonly log = new SessionLog();
  /** Whose pages show the session, and which of them is this one's key. */
  readonly viewers = signal<{ you: string; viewers: readonly Viewer[] } | undefined>(undefined);
  /** Counts the notes that were written while the page looks. */
  readonly notes = signal(0);

  private readonly path: string;
  private ended = false;
  private stream: EventStream | undefined;
  private items: Poll | undefined;
  /** The newest event that is part of the conversation as it was read. */
  private mark: string | undefined;
  /** What happened while the items were on their way: it comes on top of them. */
  private meanwhile: Happened[] | undefined;
  private resting: ReturnType<typeof setTimeout> | undefined;
  private again = false;
  private measuring: ReturnType<typeof setTimeout> | undefined;
  private readonly closing = new AbortController();

  constructor(
    private readonly store: Store,
    id: string,
    private readonly key: string,
    private readonly onTurn: () => void,
  ) {
    this.path = `/realtime/sessions/${encodeURIComponent(id)}`;
  }

  /** The items first, then the log from its beginning: what the items do not include changes them. */
  open(ended: boolean): void {
    this.ended = ended;
    this.readItems();
  }

  close(): void {
    this.stream?.close();
    this.items?.stop();
    this.closing.abort();
    clearTimeout(this.measuring);
    clearTimeout(this.resting);
  }

  private follow(): void {
    this.stream ??= new EventStream({
      path: `${this.path}/events?viewer=true`,
      key: this.key,
      lastId: "0",
      onState: (state) => {
        if (state === "lost") this.viewers.value = undefined;
      },
      onEvent: ({ id, type, data }) => {
        if (type === "resync") this.readItems();
        else this.take(id, data);
      },
      onEnd: () => {
        this.viewers.value = undefined;
        if (this.ended) return;
        this.conversation.end();
        this.onTurn();
      },
    });
  }

  private take(id: string, data: string): void {
    const event = parseServerEvent(data);
    if (!event) return;
    if (event.type === "switchboard.session.viewers") {
      this.viewers.value = event;
      return;
    }
    this.log.add(event, data, timeOf(id));
    const happened = { id, event };
    if (this.meanwhile) this.meanwhile.push(happened);
    else this.apply(happened);
  }

  /** What the items included when they were read is part of them. */
  private apply({ id, event }: Happened): void {
    if (this.mark === undefined || !newer(id, this.mark)) return;
    this.conversation.apply(event, timeOf(id));
    if (turns.has(event.type)) this.turned();
    if (measured.has(event.type)) this.measureSoon();
    if (event.type === "switchboard.session.command" && event.command === "note") this.notes.value++;
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

  /** Only the gateway knows how long the caller waited, and how much of an answer was heard. Asks until it has told. */
  private measureSoon(waitMs = measureMs): void {
    const { signal } = this.closing;
    this.measuring ??= setTimeout(async () => {
      this.measuring = undefined;
      try {
        const { items } = await this.store.get<Items>(`${this.path}/items?newest=${measuredItems}`, signal);
        for (const item of items) this.conversation.measure(item);
      } catch (problem) {
        if (!signal.aborted && !(problem instanceof ApiProblem && problem.final)) this.measureSoon(againMs);
      }
    }, waitMs);
  }

  /** Asks until they have come. */
  private readItems(): void {
    this.items?.stop();
    this.items = new Poll((signal) => this.read(signal), againMs);
  }

  /** Reports whether to ask again. */
  private async read(signal: AbortSignal): Promise<boolean> {
    const meanwhile: Happened[] = (this.meanwhile = []);
    let goOn = false;
    const get = () =>
      this.store.get<Items>(`${this.path}/items`, signal).catch((problem) => {
        goOn = !(problem instanceof ApiProblem && problem.final);
        throw problem;
      });
    const read = await this.store.attempt("The conversation could not be read", get, signal);
    if (signal.aborted) return false;
    this.meanwhile = undefined;
    if (read) {
      this.conversation.apply({ type: "switchboard.session.reset", items: read.items });
      for (const item of read.items) this.conversation.measure(item);
      this.mark = read.last_event_id;
      goOn = this.mark === undefined && !this.ended;
      this.follow();
    }
    for (const happened of meanwhile) this.apply(happened);
    return goOn;
  }
}

/** Event IDs begin with the Unix time in ms. */
function timeOf(id: string): number {
  return Number.parseInt(id, 10);
}

/** Whether one event followed another. */
function newer(a: string, b: string): boolean {
  const [ams = 0, an = 0] = a.split("-").map(Number);
  const [bms = 0, bn = 0] = b.split("-").map(Number);
  return ams > bms || (ams === bms && an > bn);
}
