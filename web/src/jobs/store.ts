// What the gateway knows of batches and jobs, kept up to date by its stream of changes.

import { batch, signal } from "@preact/signals";
import { ApiProblem, call } from "../shared/api";
import { EventStream, type ServerEvent } from "../shared/event-stream";
import { PageStore } from "../shared/page-store";
import { explain } from "../shared/words";
import { batchBehind, jobBehind } from "./order";
import { Outgoing } from "./outgoing";
import type { Batch, Dashboard, InboxChange, Job, Point } from "./types";
import { sayBatch, sayJob } from "./words";

/** The inbox's numbers are read anew at most this often while events come in. */
const countsEveryMs = 1_500;
const retryMs = 3_000;

interface OlderPage {
  batches?: readonly Batch[];
  jobs?: readonly Job[];
  next?: string;
}

export class Store extends PageStore {
  /** Newest first. */
  readonly batches = signal<readonly Batch[]>([]);
  readonly jobs = signal<readonly Job[]>([]);
  /** After which one the older ones are read; undefined where there are none, "" for all. */
  readonly next = signal<{ batches?: string | undefined; jobs?: string | undefined }>({});
  /** What the stream brought since the page was opened, by job. */
  readonly points = signal<Readonly<Record<string, readonly Point[]>>>({});
  readonly inbox = signal({ kept: 0, waiting: 0, dead: 0 });
  readonly inboxChange = signal<InboxChange | undefined>(undefined);
  readonly reconnects = signal(0);
  readonly outgoing = { batches: new Outgoing(), tuning: new Outgoing() };

  private stream: EventStream | undefined;
  private reading = new AbortController();
  private counting = new AbortController();
  private timer = 0;
  private countsTimer = 0;

  override async start(key: string): Promise<void> {
    this.stop();
    if (key !== this.key) this.dropFiles();
    this.key = key;
    if (!key) return;
    this.phase.value = "starting";
    const { signal } = (this.reading = new AbortController());
    try {
      const dashboard = await this.get<Dashboard>("/api/dashboard", signal);
      if (!signal.aborted) this.begin(dashboard);
    } catch (problem) {
      if (!signal.aborted) this.fail(problem);
    }
  }

  /** Takes over what an answer said of a batch, unless the stream was faster and told more. */
  putBatch(batch: Batch): void {
    const before = this.batches.value.find((b) => b.id === batch.id);
    if (before && batchBehind(batch, before)) return;
    if (before && before.status !== batch.status) this.said.value = sayBatch(batch);
    this.batches.value = put(this.batches.value, batch);
  }

  /** Reads one that is older than those of the dashboard. */
  async readBatch(id: string): Promise<void> {
    this.putBatch(await this.get<Batch>(`/api/batches/${encodeURIComponent(id)}`));
  }

  async readJob(id: string): Promise<void> {
    this.putJob(await this.get<Job>(`/api/fine-tuning/jobs/${encodeURIComponent(id)}`));
  }

  /** Reads pages of older ones, up to one that brings something new: of those made in one second, many may be known. */
  async readOlder(kind: "batches" | "jobs"): Promise<void> {
    const known = this[kind].peek().length;
    const path = kind === "batches" ? "/api/batches" : "/api/fine-tuning/jobs";
    for (let after = this.next.peek()[kind]; after !== undefined && this[kind].peek().length === known; after = this.next.peek()[kind]) {
      const query = new URLSearchParams({ limit: "100", ...(after && { after }) });
      const page = await this.attempt("The older ones could not be read", () => this.get<OlderPage>(`${path}?${query}`));
      if (!page || this.next.peek()[kind] !== after) return;
      batch(() => {
        for (const one of page.batches ?? []) this.putBatch(one);
        for (const one of page.jobs ?? []) this.putJob(one);
        this.next.value = { ...this.next.value, [kind]: page.next };
      });
    }
  }

  /** The same for a fine-tuning job. */
  putJob(job: Job): void {
    const before = this.jobs.value.find((j) => j.id === job.id);
    if (before && jobBehind(job, before)) return;
    if (before && (before.status !== job.status || before.smoke_test?.at !== job.smoke_test?.at)) this.said.value = sayJob(job);
    this.jobs.value = put(this.jobs.value, job);
  }

  /** Reads the inbox's numbers soon. */
  recount(): void {
    if (this.countsTimer) return;
    this.countsTimer = window.setTimeout(() => {
      this.countsTimer = 0;
      this.counting.abort(); // an answer that comes late knows less than the next one
      this.counting = new AbortController();
      void this.get<Dashboard>("/api/dashboard", this.counting.signal).then(
        (d) => (this.inbox.value = d.inbox),
        () => undefined, // the stream shows that the gateway is away
      );
    }, countsEveryMs);
  }

  /** A file may take longer than any other request. */
  upload<T>(path: string, form: FormData, signal: AbortSignal): Promise<T> {
    return call<T>({ method: "POST", path, key: this.key, body: form, signal, patient: true });
  }

  private dropFiles(): void {
    for (const outgoing of Object.values(this.outgoing)) {
      outgoing.stop();
      outgoing.choose(undefined);
    }
  }

  private stop(): void {
    this.stream?.close();
    this.stream = undefined;
    this.reading.abort();
    this.counting.abort();
    clearTimeout(this.timer);
    clearTimeout(this.countsTimer);
    this.countsTimer = 0;
    this.batches.value = [];
    this.jobs.value = [];
    this.next.value = {};
    this.points.value = {};
    this.inbox.value = { kept: 0, waiting: 0, dead: 0 };
    this.loaded.value = false;
    this.notice.value = undefined;
    this.phase.value = "idle";
  }

  private begin(dashboard: Dashboard): void {
    this.batches.value = dashboard.batches;
    this.jobs.value = dashboard.jobs;
    this.next.value = { batches: dashboard.next_batches && lastNewer(dashboard.batches), jobs: dashboard.next_jobs && lastNewer(dashboard.jobs) };
    this.inbox.value = dashboard.inbox;
    this.loaded.value = true;
    this.notice.value = undefined;
    this.follow(dashboard.last_event_id);
  }

  private fail(problem: unknown): void {
    this.notice.value = explain(problem, "The jobs could not be read");
    const final = problem instanceof ApiProblem && problem.final;
    this.phase.value = final ? "idle" : "reconnecting";
    if (!final) this.timer = window.setTimeout(() => void this.start(this.key), retryMs);
  }

  private follow(lastId: string): void {
    this.stream = new EventStream({
      path: "/api/events",
      key: this.key,
      lastId,
      onEvent: (event) => this.take(event),
      onState: (state) => {
        if (state === "live" && this.phase.value === "reconnecting") this.reconnects.value++;
        this.phase.value = state === "live" ? "live" : state === "lost" ? "reconnecting" : "starting";
      },
      onEnd: (problem) => problem && this.fail(problem),
    });
  }

  private take(event: ServerEvent): void {
    const about = JSON.parse(event.data);
    switch (event.type) {
      case "batch.updated":
        return this.putBatch(about);
      case "fine_tuning.updated":
        return this.putJob(about);
      case "fine_tuning.metrics":
        this.points.value = { ...this.points.value, [about.id]: [...(this.points.value[about.id] ?? []), ...about.points] };
        return;
      case "inbox.updated":
        this.inboxChange.value = about;
        return this.recount();
      case "resync": // some changes are no longer kept: all that is shown is read anew
        return void this.start(this.key);
    }
  }
}

/**
 * The last one that is newer than the oldest. The list is OpenAI's and the dashboard is the gateway's: those that were
 * made in the same second may stand in another order there, so that they are read again.
 */
function lastNewer(list: readonly { id: string; created_at: number }[]): string {
  const oldest = list.at(-1)?.created_at ?? 0;
  return list.findLast((one) => one.created_at > oldest)?.id ?? "";
}

function put<T extends { id: string; created_at: number }>(list: readonly T[], one: T): T[] {
  if (list.some((x) => x.id === one.id)) return list.map((x) => (x.id === one.id ? one : x));
  const at = list.findIndex((x) => x.created_at <= one.created_at);
  return at < 0 ? [...list, one] : list.toSpliced(at, 0, one);
}
