// States of jobs in plain words.

import { plural, type Word } from "../shared/words";
import type { Batch, InboxState, Job, Mark } from "./types";

const batchWords: Record<Batch["status"], Word> = {
  validating: { text: "Checking", tone: "busy" },
  in_progress: { text: "Running", tone: "busy" },
  finalizing: { text: "Finishing", tone: "busy" },
  cancelling: { text: "Cancelling", tone: "busy" },
  completed: { text: "Completed", tone: "good" },
  failed: { text: "Refused", tone: "bad" },
  expired: { text: "Expired", tone: "bad" },
  cancelled: { text: "Cancelled", tone: "quiet" },
};

const jobWords: Record<Job["status"], Word> = {
  validating_files: { text: "Checking", tone: "busy" },
  queued: { text: "Queued", tone: "busy" },
  running: { text: "Training", tone: "busy" },
  paused: { text: "Paused", tone: "quiet" },
  succeeded: { text: "Succeeded", tone: "good" },
  failed: { text: "Failed", tone: "bad" },
  cancelled: { text: "Cancelled", tone: "quiet" },
};

const inboxWords: Record<InboxState, Word> = {
  waiting: { text: "Waiting", tone: "busy" },
  done: { text: "Done", tone: "good" },
  dead: { text: "Given up", tone: "bad" },
  discarded: { text: "Discarded", tone: "quiet" },
};

const markWords: Record<Mark, Word> = {
  candidate: { text: "Candidate", tone: "quiet" },
  promoted: { text: "Promoted", tone: "good" },
  held: { text: "On hold", tone: "bad" },
};

const unknown = (text: string): Word => ({ text, tone: "quiet" });

export const batchWord = (b: Batch) => batchWords[b.status] ?? unknown(b.status);
export const jobWord = (j: Job) => jobWords[j.status] ?? unknown(j.status);
export const inboxWord = (s: InboxState) => inboxWords[s] ?? unknown(s);
export const markWord = (m: Mark) => markWords[m] ?? unknown(m);

export const batchEnded = (b: Batch) => batchWord(b).tone !== "busy";
export const jobEnded = (j: Job) => jobWord(j).tone !== "busy" && j.status !== "paused";

/** What people call a batch; its ID tells it apart. */
export function batchName(b: Batch): string {
  return b.metadata?.name || `Batch …${b.id.slice(-6)}`;
}

export function jobName(j: Job): string {
  const suffix = j.fine_tuned_model?.split(":")[3];
  return suffix || j.metadata?.name || `Job …${j.id.slice(-6)}`;
}

export function sayBatch(b: Batch): string {
  const { completed, total } = b.request_counts;
  return `${batchName(b)}: ${batchWord(b).text.toLowerCase()}, ${completed} of ${total} answered`;
}

export function sayJob(j: Job): string {
  if (j.smoke_test) return `${jobName(j)}: the new model ${j.smoke_test.ok ? "passed" : "failed"} its smoke test`;
  return `${jobName(j)}: ${jobWord(j).text.toLowerCase()}`;
}

export function bytes(n: number): string {
  if (n < 1_000) return plural(n, "byte");
  if (n < 1_000_000) return `${(n / 1_000).toFixed(1)} kB`;
  return `${(n / 1_000_000).toFixed(1)} MB`;
}
