import { useEffect, useMemo } from "preact/hooks";
import { Copy } from "../shared/copy";
import { Fact } from "../shared/fact";
import { apiKey } from "../shared/key";
import { Dropped, Following, Line } from "../shared/line";
import { Ago, Confirm, Status, Title } from "../shared/parts";
import { SaveConversation } from "../shared/save-conversation";
import { readItems } from "../shared/sessions";
import { count, duration, plural } from "../shared/words";
import { addressOf } from "./route";
import { LabelList } from "./sessions";
import { type Store, usePolled } from "./store";
import type { Session } from "./types";
import { Watch } from "./watch";
import { nodeName, sessionWord } from "./words";

const back = () => ({ href: addressOf("sessions"), name: "Sessions" });

export const pathOf = (id: string, rest = "") => `/realtime/sessions/${encodeURIComponent(id)}${rest}`;

/** One session: what is said in it, and how it stands. */
export function SessionView({ store, id }: { store: Store; id: string }) {
  const { answer, gone, again } = usePolled<Session>(store, "The session could not be read", () => pathOf(id));
  const session = answer.value;
  useEffect(() => {
    store.session.value = session;
  }, [session]);
  useEffect(() => () => void (store.session.value = undefined), []);
  return (
    <article class="detail" data-testid="session" data-status={session?.status}>
      <Title back={back()}>{gone.value ? "No such session" : id}</Title>
      {gone.value && <p class="lead">It is none of this key's, or it ended long ago.</p>}
      {session && !gone.value && <Standing store={store} session={session} again={again} />}
    </article>
  );
}

interface StandingProps {
  store: Store;
  session: Session;
  again(): void;
}

/** How it stands, and what is said in it. */
function Standing({ store, session, again }: StandingProps) {
  const ended = session.status === "ended";
  return (
    <>
      <div class="hero">
        <div class="hero-text">
          <Status {...sessionWord(session)} />
          <p class="figure-caption">{ended ? session.reason : `${plural(session.clients, "client")} attached`}</p>
        </div>
        {!ended && <Actions store={store} session={session} again={again} />}
      </div>
      <Conversation store={store} session={session} onTurn={again} />
      <Facts session={session} />
      {session.session?.instructions && (
        <details class="fold">
          <summary>Instructions it has now</summary>
          <p class="quote">{session.session.instructions}</p>
        </details>
      )}
    </>
  );
}

function Actions({ store, session, again }: StandingProps) {
  const cancel = () =>
    store.attempt("The answer could not be stopped", async () => {
      await store.send("POST", pathOf(session.session_id, "/cancel"));
      again();
    });
  const end = () =>
    store.attempt("The session could not be ended", async () => {
      await store.send("DELETE", pathOf(session.session_id));
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

function Conversation({ store, session, onTurn }: { store: Store; session: Session; onTurn(): void }) {
  const { session_id: id, status } = session;
  const ended = status === "ended";
  const watch = useMemo(() => new Watch(store, id, apiKey.peek(), onTurn), [id]);
  const transcribed = transcribes(session);
  useEffect(() => watch.conversation.transcribes(transcribed), [watch, transcribed]);
  useEffect(() => {
    watch.open(ended);
    return () => watch.close();
  }, [watch]);
  const entries = watch.conversation.entries.value;
  if (!entries.length) return <p class="help quiet-box">Nothing was said {ended ? "in it." : "yet."}</p>;
  return (
    <Following class="conversation" entries={entries} label="Conversation">
      <Dropped n={watch.conversation.dropped.value}>
        <SaveConversation name={id} read={() => readItems(apiKey.peek(), id)} user="User" />
      </Dropped>
      <ol class="lines" data-testid="conversation">
        {entries.map((entry) => (
          <Line key={entry.id} entry={entry} user="User" />
        ))}
      </ol>
    </Following>
  );
}

/** Whether what the user says is transcribed; a session that the upstream has not reported yet is taken for one. */
function transcribes({ session }: Session): boolean {
  return !session?.audio || Boolean(session.audio.input?.transcription);
}

function Facts({ session: s }: { session: Session }) {
  const labelled = Object.keys(s.labels ?? {}).length > 0;
  return (
    <dl class="facts-grid">
      <Fact name="Opened">
        <Ago at={s.created_at} /> by {s.key}
      </Fact>
      {s.ended_at && <Fact name="Lasted">{duration((Date.parse(s.ended_at) - Date.parse(s.created_at)) / 1000)}</Fact>}
      {s.node && <Fact name="Node">{nodeName(s.node)}</Fact>}
      {labelled && (
        <Fact name="Labels">
          <span class="label-list">
            <LabelList labels={s.labels} />
          </span>
        </Fact>
      )}
      {s.model && <Fact name="Model">{s.model}</Fact>}
      {s.trace_id && (
        <Fact name="Trace">
          <code class="id">{s.trace_id}</code> <Copy text={s.trace_id} what="the trace's ID" />
        </Fact>
      )}
      {s.session?.audio?.output?.voice && <Fact name="Voice">{s.session.audio.output.voice}</Fact>}
      <Fact name="Tokens">
        {count(s.usage.input_tokens)} in, {count(s.usage.output_tokens)} out
      </Fact>
      <Fact name="Answers">{count(s.usage.responses)}</Fact>
    </dl>
  );
}
