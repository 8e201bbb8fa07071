import { useSignal } from "@preact/signals";
import { EventList } from "../shared/event-list";
import type { Call } from "./call";

/** The protocol's events, as the page sent and received them. */
export function EventLog({ call }: { call: Call }) {
  const open = useSignal(false);
  return (
    <details class="fold" data-testid="event-log" onToggle={(e) => (open.value = e.currentTarget.open)}>
      <summary>Event log</summary>
      {open.value && <EventList log={call.talk.trace.ring.log} name={call.sessionId.value || "session"} ways without="without audio" />}
    </details>
  );
}
