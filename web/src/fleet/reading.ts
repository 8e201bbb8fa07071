// What is at an address, read anew while it is looked at.

import { useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Poll } from "../shared/poll";
import type { Store } from "./store";

/** What comes of an attempt. Each reports whether to read again. */
interface Outcomes<T> {
  read(answer: T): boolean;
  failed(problem: unknown): boolean;
}

/** Begins anew whenever a signal that `address` reads changes. */
export function useReading<T>(store: Store, everyMs: number, address: () => string, outcomes: Outcomes<T>) {
  const answer = useSignal<T | undefined>(undefined);
  const poll = useRef<Poll | undefined>(undefined);
  useSignalEffect(() => {
    const path = address();
    const read = async (signal: AbortSignal): Promise<boolean> => {
      try {
        const body = await store.get<T>(path, signal);
        if (signal.aborted) return false;
        answer.value = body;
        return outcomes.read(body);
      } catch (problem) {
        return !signal.aborted && outcomes.failed(problem);
      }
    };
    const current = (poll.current = new Poll(read, everyMs));
    return () => current.stop();
  });
  return { answer, again: () => poll.current?.again() };
}
