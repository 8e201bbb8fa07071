import { useEffect } from "preact/hooks";
import { CallIcon } from "../shared/icons";
import { apiKey } from "../shared/key";
import { KeyRow } from "../shared/key-form";
import { Folded } from "../shared/side";
import { timeAgo } from "../shared/words";
import type { Call } from "./call";
import { Choices } from "./choices";
import { EventLog } from "./event-log";
import { LastSession } from "./facts";
import { settings } from "./settings";

/** What is chosen before a session, and Start: on a narrow screen it is always in sight, and the rest is folded. */
export function Setup({ call }: { call: Call }) {
  const starting = call.phase.value === "starting";
  const start = (event: Event) => {
    event.preventDefault();
    void call.start(apiKey.value, settings.value);
  };
  return (
    <form class="form" onSubmit={start}>
      <h2 class="side-title">New session</h2>
      <LeftSession call={call} />
      {call.phase.value === "ended" && <LastSession call={call} />}
      {call.phase.value === "ended" && <EventLog call={call} />}
      <Folded fold="Voice and instructions">
        <Choices starting={starting} />
        <KeyRow />
      </Folded>
      <div class="start-bar">
        <button class="button primary wide" id="start" type="submit" data-testid="start" aria-disabled={starting}>
          <CallIcon />
          {starting ? "Connecting…" : "Start"}
        </button>
        {starting && (
          <button class="button wide" type="button" data-testid="cancel" onClick={() => cancel(call)}>
            Cancel
          </button>
        )}
      </div>
    </form>
  );
}

/** After a reload: the session may well be there still. */
function LeftSession({ call }: { call: Call }) {
  const left = call.left.session.value;
  useEffect(() => void call.left.check(apiKey.value), [apiKey.value]);
  if (!left || call.phase.value !== "idle") return null;
  return (
    <div class="notice stack" data-testid="left">
      <p>
        <strong>Go on with the session of {timeAgo(left.leftAt || left.startedAt)}?</strong> It still runs, and knows what was said.
      </p>
      <div class="notice-actions">
        <button class="button small primary" type="button" onClick={() => void call.resume(apiKey.value)}>
          Go on
        </button>
        <button class="button small" type="button" onClick={() => call.left.end(apiKey.value)}>
          End it
        </button>
      </div>
    </div>
  );
}

function cancel(call: Call): void {
  call.cancel();
  requestAnimationFrame(() => document.getElementById("start")?.focus());
}
