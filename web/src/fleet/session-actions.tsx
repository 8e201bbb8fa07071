import { Confirm } from "../shared/parts";
import { pathOf } from "./part";
import type { Store } from "./store";
import type { Session } from "./types";

/** What is done with a session in one press. */
export function Actions({ store, session, again }: { store: Store; session: Session; again(): void }) {
  const path = (rest: string) => pathOf(session.session_id, rest);
  const cancel = () =>
    store.attempt("The answer could not be stopped", async () => {
      await store.send("POST", path("/cancel"));
      again();
    });
  const end = () =>
    store.attempt("The session could not be ended", async () => {
      await store.send("DELETE", path(""));
      store.said.value = "The session has ended";
      again();
    });
  return (
    <div class="actions">
      <button class="button small" type="button" aria-disabled={!session.responding} onClick={cancel}>
        Stop the answer
      </button>
      <Confirm name="End" question="End this session?" action={end} />
    </div>
  );
}
