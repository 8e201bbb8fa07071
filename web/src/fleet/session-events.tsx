import { EventList } from "../shared/event-list";
import type { PartProps } from "./part";

/** The session's log, event by event. */
export function Events({ session, watch }: PartProps) {
  return (
    <section class="part" aria-label="Events" data-testid="events">
      <EventList log={watch.log.ring.log} name={session.session_id} without="without audio; of deltas in a row the last" />
    </section>
  );
}
