// Which of two reports is the older one. An answer and the stream overtake each other: "cancelling", told in the
// answer to the request, may come after the stream's "cancelled", and must not undo it.

import type { Batch, Job } from "./types";
import { batchEnded, jobEnded } from "./words";

/** How far a batch's status is along its way. */
function stage(batch: Batch): number {
  if (batchEnded(batch)) return 4;
  return ["validating", "in_progress", "finalizing", "cancelling"].indexOf(batch.status);
}

export function batchBehind(batch: Batch, known: Batch): boolean {
  const answered = ({ request_counts: { completed, failed } }: Batch) => completed + failed;
  if (stage(batch) !== stage(known)) return stage(batch) < stage(known);
  return answered(batch) < answered(known);
}

/** A paused job may run again; one that has ended may not. */
export function jobBehind(job: Job, known: Job): boolean {
  return jobEnded(known) && !jobEnded(job);
}
