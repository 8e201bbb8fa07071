import { useEffect, useMemo } from "preact/hooks";
import { apiKey } from "../shared/key";
import { Status, Title } from "../shared/parts";
import { plural } from "../shared/words";
import { Listen } from "./listen";
import { pathOf } from "./part";
import { addressOf, partOf, showPart } from "./route";
import { Actions } from "./session-actions";
import { Events } from "./session-events";
import { Facts } from "./session-facts";
import { Instructions } from "./session-instructions";
import { Notes } from "./session-notes";
import { Timeline } from "./session-timeline";
import { Transcript } from "./session-transcript";
import { type Store, usePolled } from "./store";
import type { Session } from "./types";
import { Watch } from "./watch";
import { sessionWord } from "./words";

const back = () => ({ href: addressOf("sessions"), name: "Sessions" });

/** One session: what is said in it, how it stands, and what happened in it. */
export function SessionView({ store, id }: { store: Store; id: string }) {
  const { answer, gone, again } = usePolled<Session>(store, "The session could not be read", () => pathOf(id));
  const session = answer.value;
  useEffect(() => {
    store.session.value = session;
    store.missing.value = gone.value;
  }, [session, gone.value]);
  useEffect(
    () => () => {
      store.session.value = undefined;
      store.missing.value = false;
    },
    [],
  );
  return (
    <article class="detail" data-testid="session" data-status={session?.status}>
      <Title back={back()}>{gone.value ? "No such session" : id}</Title>
      {gone.value && <p class="lead">It is none of this key's, or it ended long ago.</p>}
      {session && !gone.value && <Standing store={store} session={session} again={again} />}
    </article>
  );
}

const parts = [
  { id: "conversation", name: "Conversation", of: Transcript },
  { id: "timeline", name: "Timeline", of: Timeline },
  { id: "events", name: "Events", of: Events },
  { id: "instructions", name: "Instructions", of: Instructions },
  { id: "notes", name: "Notes", of: Notes },
] as const;

/** How it stands, and the part of it that is looked at. */
function Standing({ store, session, again }: { store: Store; session: Session; again(): void }) {
  const ended = session.status === "ended";
  const watch = useMemo(() => new Watch(store, session.session_id, apiKey.peek(), again), [session.session_id]);
  useEffect(() => {
    watch.open(ended);
    return () => watch.close();
  }, [watch]);
  const wanted = partOf().get("show");
  const shown = parts.find((p) => p.id === wanted) ?? parts[0];
  return (
    <>
      <div class="hero">
        <div class="hero-text">
          <Status {...sessionWord(session)} />
          <p class="figure-caption">{ended ? session.reason : `${plural(session.clients, "client")} attached`}</p>
          <Viewers watch={watch} />
        </div>
        {!ended && <Actions store={store} session={session} again={again} />}
      </div>
      {!ended && <Listen store={store} session={session} />}
      <nav class="tabs" aria-label="Parts of the session">
        {parts.map((p) => (
          <button key={p.id} class="tab" type="button" aria-pressed={p === shown} onClick={() => showPart({ show: p === parts[0] ? undefined : p.id, item: undefined })}>
            {p.name}
          </button>
        ))}
      </nav>
      <shown.of key={shown.id} store={store} session={session} watch={watch} />
      <Facts session={session} />
    </>
  );
}

/** Who else looks at the session. */
function Viewers({ watch }: { watch: Watch }) {
  const seen = watch.viewers.value;
  const others = (seen?.viewers ?? []).map(({ by, pages }) => ({ by, pages: by === seen?.you ? pages - 1 : pages })).filter((v) => v.pages > 0);
  return (
    <p class="figure-caption" data-testid="viewers" role="status">
      {others.length > 0 && `Also viewed by ${others.map(({ by, pages }) => `${by === seen?.you ? `${by}, your own key` : by}${pages > 1 ? ` (${pages} pages)` : ""}`).join("; ")}`}
    </p>
  );
}
