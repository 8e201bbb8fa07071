// States and problems in plain words.

import { ApiProblem } from "../shared/api";
import type { Batch, InboxState, Job, Mark } from "./types";

export type Tone = "quiet" | "busy" | "good" | "bad";

interface Word {
  text: string;
  tone: Tone;
}

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

export interface Notice {
  tone: "error" | "warning";
  title: string;
  advice: string;
  key?: boolean;
}

/** A request that was refused; `what` says what the user wanted. */
export function explain(problem: unknown, what: string): Notice {
  if (!(problem instanceof ApiProblem)) return { tone: "error", title: what, advice: String(problem) };
  const said = sentence(problem.message);
  switch (problem.status) {
    case 0:
      return { tone: "error", title: "The gateway does not answer", advice: "It may be stopped, or you may be offline. The page goes on when it is back." };
    case 401:
      return { tone: "error", title: "This API key is not accepted", advice: "Paste it again in full. In the demo it is printed in the terminal, and starts with sk-.", key: true };
    case 403:
      return { tone: "error", title: "This key may not do that", advice: "Use a key with the role operator, or admin for deliveries.", key: true };
    case 404:
      return { tone: "error", title: what, advice: "It is not known any more." };
    case 409:
      return { tone: "warning", title: what, advice: said };
    case 413:
      return { tone: "error", title: what, advice: "The file is larger than 200 MB. Split it." };
    case 502:
    case 503:
    case 504:
      return { tone: "error", title: what, advice: `${said} Try again in a moment.` };
    default:
      return { tone: "error", title: what, advice: said };
  }
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

/** 12,345 */
export const count = (n: number) => n.toLocaleString("en");

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function bytes(n: number): string {
  if (n < 1_000) return plural(n, "byte");
  if (n < 1_000_000) return `${(n / 1_000).toFixed(1)} kB`;
  return `${(n / 1_000_000).toFixed(1)} MB`;
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.round((seconds % 3_600) / 60)} min`;
}
