// What every page of sections knows of its connection, and how it asks the gateway.

import { effect, signal, untracked } from "@preact/signals";
import { ApiProblem, ask, call } from "./api";
import { apiKey } from "./key";
import { explain, type Notice } from "./words";

export type Phase = "idle" | "starting" | "live" | "reconnecting";

export abstract class PageStore {
  readonly phase = signal<Phase>("idle");
  readonly notice = signal<Notice | undefined>(undefined);
  /** True once the gateway has answered. */
  readonly loaded = signal(false);
  /** Read out by screen readers. */
  readonly said = signal("");

  protected key = "";

  /** Begins anew with this key; an empty one ends it. */
  abstract start(key: string): unknown;

  /** Begins with the tab's key, and anew with every other one. Before the page is drawn: what it draws asks at once. */
  followKey(): void {
    effect(() => {
      const key = apiKey.value;
      untracked(() => void this.start(key));
    });
  }

  dismissNotice(): void {
    this.notice.value = undefined;
  }

  /** Runs what the user asked for and shows what went wrong. What comes of it is nobody's when the key is another one by then, or `signal` ended it. */
  async attempt<T>(what: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
    const { key } = this;
    const wanted = () => this.key === key && !signal?.aborted;
    try {
      const answer = await work();
      if (!wanted()) return undefined;
      this.notice.value = undefined;
      return answer;
    } catch (problem) {
      if (wanted()) this.notice.value = explain(problem, what);
      return undefined;
    }
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return call<T>({ method: "GET", path, key: this.key, ...(signal && { signal }) });
  }

  /** Changes what is at a path if it is as the user has seen it, also in the moment of the change. */
  async revise<T>(path: string, seen: (now: T) => boolean, change: unknown): Promise<T> {
    const moved = new ApiProblem(412, "Conflict", "Somebody changed it a moment ago. What you wrote is still here.");
    const answer = await ask({ method: "GET", path, key: this.key });
    const tag = answer.headers.get("ETag");
    if (!seen(await answer.json())) throw moved;
    try {
      return await call<T>({ method: "PATCH", path, key: this.key, body: change, ...(tag && { headers: { "If-Match": tag } }) });
    } catch (problem) {
      throw problem instanceof ApiProblem && problem.status === moved.status ? moved : problem;
    }
  }

  send<T>(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T> {
    return call<T>({ method, path, key: this.key, ...(body !== undefined && { body }) });
  }
}
