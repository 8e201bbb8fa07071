// The list of sessions as the gateway streams it: a window of rows that moves along with what is looked at.

import { signal } from "@preact/signals";
import { ApiProblem } from "../shared/api";
import { EventStream } from "../shared/event-stream";
import { apiKey } from "../shared/key";
import { facets } from "./session-filter";
import type { Store } from "./store";
import type { Session, SessionPage } from "./types";

/** Rows of a window; it begins at a multiple of half of them. */
export const windowRows = 100;

/** A page that is scrolled asks for the window where it stops. */
const settleMs = 120;

export interface Shown {
  page: SessionPage;
  /** Place of its first row in the whole list. */
  offset: number;
}

/** Follows one window of the list at a time. */
export class Feed {
  readonly shown = signal<Shown | undefined>(undefined);
  /** What happens is not shown while this is set. */
  readonly paused = signal(false);

  private query = "";
  private offset = 0;
  private stream: EventStream | undefined;
  private moving: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly store: Store) {}

  /** Shows another list, from its beginning. */
  list(query: string): void {
    this.query = query;
    this.offset = 0;
    this.paused.value = false;
    this.open();
  }

  /** Looks at some rows: they are read if the window has not got them. */
  look(first: number, last: number): void {
    const half = windowRows / 2;
    const offset = Math.max(0, Math.floor((first - half / 2) / half) * half);
    const has = first >= this.offset && last <= this.offset + windowRows;
    if (has || offset === this.offset) return;
    clearTimeout(this.moving);
    this.moving = setTimeout(() => {
      this.offset = offset;
      this.open();
    }, settleMs);
  }

  close(): void {
    clearTimeout(this.moving);
    this.stream?.close();
  }

  private open(): void {
    this.close();
    const { offset } = this;
    const query = new URLSearchParams(this.query);
    query.set("limit", String(windowRows));
    query.set("fields", "summary");
    query.set("facets", "true");
    if (offset) query.set("offset", String(offset));
    let fresh = true;
    this.stream = new EventStream({
      path: `/realtime/sessions?${query}`,
      key: apiKey.peek(),
      lastId: "",
      onState: (state) => {
        if (state === "lost") this.store.missed(new ApiProblem(0, "no answer"), "The sessions could not be read");
      },
      onEvent: ({ data }) => {
        this.store.heard();
        if (this.paused.peek() && !fresh) return;
        fresh = false;
        const page: SessionPage = JSON.parse(data);
        this.shown.value = { page, offset };
        facets.value = page.facets ?? [];
      },
      onEnd: (problem) => this.store.missed(problem, "The sessions could not be read"),
    });
  }
}

/** The session at a place of the list, if it has been read. */
export function rowAt({ page, offset }: Shown, place: number): Session | undefined {
  return page.sessions[place - offset];
}
