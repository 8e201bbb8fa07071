import { Bar } from "../shared/parts";
import { count } from "../shared/words";
import type { Batch } from "./types";

/** What of a batch is answered and what failed. */
export function Progress({ batch, label }: { batch: Batch; label: string }) {
  const { total, completed, failed } = batch.request_counts;
  const text = total ? `${count(completed)} of ${count(total)} answered${failed ? `, ${count(failed)} failed` : ""}` : "not begun";
  return <Bar label={label} text={text} total={total} done={completed} failed={failed} />;
}
