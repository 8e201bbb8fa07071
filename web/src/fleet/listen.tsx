import { useEffect, useMemo } from "preact/hooks";
import { apiKey } from "../shared/key";
import { plural } from "../shared/words";
import { Eavesdrop } from "./eavesdrop";
import { pathOf } from "./part";
import type { Store } from "./store";
import type { Session } from "./types";

/** Listening in on a live session; why not, where that is not possible. */
export function Listen({ store, session }: { store: Store; session: Session }) {
  const ear = useMemo(() => new Eavesdrop(pathOf(session.session_id, "/listen"), apiKey.peek(), PLAYER_WORKLET), [session.session_id]);
  useEffect(() => () => ear.stop(), [ear]);
  const state = ear.state.value;
  if (session.listen_in === "never" || !store.operator.value) {
    return (
      <p class="figure-caption" data-testid="listen">
        {session.listen_in === "never" ? "This session does not allow listening in (listen_in)." : "Listening in needs an operator's key."}
      </p>
    );
  }
  const on = state.name !== "off";
  return (
    <div class="listen" data-testid="listen" data-state={state.name}>
      <button class="button small" type="button" aria-pressed={on} onClick={() => (on ? ear.stop() : void ear.start())}>
        {on ? "Stop listening" : "Listen in"}
      </button>
      {on && <Level name="Caller" value={ear.caller.value} />}
      {on && <Level name="Model" value={ear.model.value} />}
      <p class="figure-caption" role="status">
        {words(state.name, state.name === "off" ? state.why : undefined, session.listen_in === "announced")}
        {ear.dropped.value > 0 && ` ${plural(ear.dropped.value, "piece")} of audio lost: this page is too slow.`}
      </p>
    </div>
  );
}

function words(name: string, why: string | undefined, announced: boolean): string {
  switch (name) {
    case "connecting":
      return "Connecting …";
    case "listening":
      return announced ? "You hear both sides. The caller is told." : "You hear both sides. The caller is not told.";
    case "lost":
      return "The connection was lost. Connecting again …";
  }
  return why ?? (announced ? "The caller is told when you listen." : "The audit log says when you listened.");
}

function Level({ name, value }: { name: string; value: number }) {
  return (
    <label class="level">
      {name} <meter min={0} max={0.3} value={Math.min(0.3, value)} />
    </label>
  );
}
