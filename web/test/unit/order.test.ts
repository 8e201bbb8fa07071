import assert from "node:assert/strict";
import test from "node:test";
import { batchBehind, jobBehind } from "../../src/jobs/order";
import type { Batch, Job } from "../../src/jobs/types";

const batch = (status: Batch["status"], completed = 0, failed = 0) => ({ status, request_counts: { total: 10, completed, failed } }) as Batch;
const job = (status: Job["status"]) => ({ status }) as Job;

test("a batch's late report does not undo a newer one", () => {
  assert.ok(batchBehind(batch("cancelling", 5), batch("cancelled", 5)));
  assert.ok(batchBehind(batch("in_progress", 9), batch("cancelling", 5)));
  assert.ok(batchBehind(batch("in_progress", 4), batch("in_progress", 3, 2)));
  assert.ok(!batchBehind(batch("in_progress", 5), batch("in_progress", 5)), "the same again, with more facts");
  assert.ok(!batchBehind(batch("cancelled", 5), batch("cancelling", 5)));
});

test("a job that has ended stays so, one that was paused goes on", () => {
  assert.ok(jobBehind(job("running"), job("cancelled")));
  assert.ok(!jobBehind(job("succeeded"), job("succeeded")), "with its smoke test");
  assert.ok(!jobBehind(job("running"), job("paused")));
});
