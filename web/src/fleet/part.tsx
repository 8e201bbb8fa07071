// A part of a session that is read on its own: what fails there is told there, and the rest of the page goes on.

import { useSignal } from "@preact/signals";
import { ApiProblem } from "../shared/api";
import { sentence } from "../shared/words";
import { useReading } from "./reading";
import type { Store } from "./store";
import type { Session } from "./types";
import type { Watch } from "./watch";

/** What each part of a session's page gets. */
export interface PartProps {
  store: Store;
  session: Session;
  watch: Watch;
}

export const pathOf = (id: string, rest = "") => `/realtime/sessions/${encodeURIComponent(id)}${rest}`;

const everyMs = 5_000;

/** What is at an address; `last` says after which answer no other comes. */
export function usePart<T>(store: Store, address: () => string, last: (answer: T) => boolean = () => false) {
  const problem = useSignal<unknown>(undefined);
  const reading = useReading<T>(store, everyMs, address, {
    read(answer) {
      problem.value = undefined;
      return !last(answer);
    },
    failed(cause) {
      problem.value = cause;
      return !(cause instanceof ApiProblem && cause.final);
    },
  });
  return { ...reading, problem };
}

/** Why a part cannot be read now. */
export function Problem({ what, problem }: { what: string; problem: unknown }) {
  if (problem === undefined) return null;
  const silent = problem instanceof ApiProblem && problem.status === 0;
  const why = silent ? "The gateway does not answer." : sentence(problem instanceof Error ? problem.message : String(problem));
  const final = problem instanceof ApiProblem && problem.final;
  return (
    <p class="notice" data-tone="warning" data-testid="part-problem" role="alert">
      <span>
        <strong>{what}.</strong> {why} {!final && "The page keeps trying."}
      </span>
    </p>
  );
}
