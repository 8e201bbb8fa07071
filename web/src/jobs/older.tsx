import { useSignal } from "@preact/signals";
import type { Store } from "./store";

/** Leads to those that are older than what a list shows. */
export function Older({ store, kind }: { store: Store; kind: "batches" | "jobs" }) {
  const reading = useSignal(false);
  if (store.next.value[kind] === undefined) return null;
  const read = async () => {
    if (reading.value) return;
    reading.value = true;
    await store.readOlder(kind);
    reading.value = false;
  };
  return (
    <button class="button small" type="button" aria-disabled={reading.value} onClick={read}>
      {reading.value ? "Reading…" : "Show older"}
    </button>
  );
}
