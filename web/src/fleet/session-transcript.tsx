import { useEffect } from "preact/hooks";
import type { Entry } from "../realtime/conversation";
import { ask } from "../shared/api";
import { Copy } from "../shared/copy";
import { FunctionCall } from "../shared/function-call";
import { apiKey } from "../shared/key";
import { Dropped, Following, Line } from "../shared/line";
import { saveFile } from "../shared/save-file";
import { type PartProps, pathOf } from "./part";
import { partOf } from "./route";
import type { Store } from "./store";
import { TextForm } from "./text-form";
import type { Session } from "./types";

/** What is said, when, and how long the caller waited for it. */
export function Transcript({ store, session, watch }: PartProps) {
  const { session_id: id, status } = session;
  const transcribed = transcribes(session);
  useEffect(() => watch.conversation.transcribes(transcribed), [watch, transcribed]);
  const entries = watch.conversation.entries.value;
  const wanted = partOf().get("item") ?? "";
  const found = wanted && entries.find((e) => e.id === wanted || e.responseId === wanted || e.call?.callId === wanted)?.id;
  useEffect(() => {
    if (found) document.querySelector(`[data-item="${CSS.escape(found)}"]`)?.scrollIntoView({ block: "center" });
  }, [found]);
  return (
    <div class="part">
      {status !== "ended" && <WaitingCalls store={store} id={id} entries={entries} />}
      {entries.length ? (
        <Following class="conversation" entries={entries} label="Conversation">
          <Dropped n={watch.conversation.dropped.value}>
            <span class="help small">Exports have all that the gateway stores.</span>
          </Dropped>
          <ol class="lines" data-testid="conversation">
            {entries.map((entry) => (
              <Line key={entry.id} entry={entry} user="User" timed found={entry.id === found} />
            ))}
          </ol>
        </Following>
      ) : (
        <p class="help quiet-box">Nothing was said {status === "ended" ? "in it." : "yet."}</p>
      )}
      <Export store={store} id={id} />
    </div>
  );
}

/** Whether what the user says is transcribed; a session that the upstream has not reported yet is taken for one. */
function transcribes({ session }: Session): boolean {
  return !session?.audio || Boolean(session.audio.input?.transcription);
}

const formats = [
  { format: "json", ending: "json", name: "JSON" },
  { format: "text", ending: "txt", name: "Text" },
  { format: "vtt", ending: "vtt", name: "WebVTT" },
] as const;

/** The whole conversation as a file. */
function Export({ store, id }: { store: Store; id: string }) {
  const save = ({ format, ending }: (typeof formats)[number]) =>
    store.attempt("The conversation could not be exported", async () => {
      const response = await ask({ method: "GET", path: pathOf(id, `/transcript?format=${format}`), key: apiKey.peek() });
      saveFile(`session-${id}.${ending}`, await response.blob());
      store.said.value = "Exported";
    });
  return (
    <fieldset class="export" aria-label="Export the conversation">
      <span class="label">Export</span>
      {formats.map((f) => (
        <button key={f.format} class="button small quiet" type="button" onClick={() => save(f)}>
          {f.name}
        </button>
      ))}
    </fieldset>
  );
}

/** The draft of a call's result. */
const form = (callId: string) => `result ${callId}`;

/** Calls that are answered on the page at once; more of them wait rarely. */
const callsShown = 5;

/** Function calls that nobody has answered yet, and those that somebody else has answered while one wrote. */
function WaitingCalls({ store, id, entries }: { store: Store; id: string; entries: readonly Entry[] }) {
  const calls = entries.flatMap((e) => e.call ?? []);
  const written = (callId: string) => store.drafts.written(id, form(callId));
  const waiting = calls.filter((c) => c.output === undefined && c.arguments !== "");
  const taken = calls.filter((c) => c.output !== undefined && written(c.callId) !== "" && !store.drafts.sending.has(c.callId));
  if (!waiting.length && !taken.length) return null;
  return (
    <div class="waiting" data-testid="waiting-calls">
      {taken.map((c) => (
        <div key={c.callId} class="notice stack" data-tone="warning" role="alert">
          <strong>{c.name} was answered while you wrote.</strong>
          <p class="before-text">{written(c.callId)}</p>
          <div class="notice-actions">
            <Copy text={written(c.callId)} what="what you wrote" />
            <button class="button small quiet" type="button" onClick={() => store.drafts.drop(id, form(c.callId))}>
              Discard what I wrote
            </button>
          </div>
        </div>
      ))}
      {waiting.slice(0, callsShown).map((c) => (
        <div key={c.callId} class="waiting-call">
          <p class="label">The model waits for the result of a function</p>
          <FunctionCall call={c} />
          <Answer store={store} id={id} call={c} />
        </div>
      ))}
      {waiting.length > callsShown && <p class="help small">{waiting.length - callsShown} more wait; they follow when these are answered.</p>}
    </div>
  );
}

function Answer({ store, id, call }: { store: Store; id: string; call: NonNullable<Entry["call"]> }) {
  const { callId, name } = call;
  const send = async (output: string) => {
    store.drafts.sending.add(callId);
    const sent = await store.attempt("The function could not be answered", async () => {
      await store.send("POST", pathOf(id, "/function-result"), { call_id: callId, output });
      store.said.value = "The function is answered";
      store.drafts.drop(id, form(callId));
      return true;
    });
    store.drafts.sending.delete(callId);
    return sent;
  };
  return (
    <TextForm
      id={`result-${callId}`}
      title={`Answer ${name}`}
      label={`Result of ${name}`}
      submit="Answer it"
      blank
      draft={store.drafts.of(id, form(callId))}
      send={send}
      help="As the function would return it, JSON or text. The model goes on when all calls of its answer have a result."
    />
  );
}
