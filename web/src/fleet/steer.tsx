import { useSignal } from "@preact/signals";
import { Copy } from "../shared/copy";
import { Segments } from "../shared/parts";
import { pathOf } from "./part";
import type { Store } from "./store";
import { TextForm } from "./text-form";

/** What can be said to the session that is looked at. */
export function Steer({ store, id }: { store: Store; id: string }) {
  if (store.missing.value) return <p class="help">There is nothing to steer here.</p>;
  if (store.session.value?.status === "ended") return <Over store={store} id={id} />;
  return (
    <div class="form">
      <Say store={store} id={id} />
      <Whisper store={store} id={id} />
      <InputAudio store={store} id={id} />
    </div>
  );
}

/** What was written and not sent is not lost with the forms. */
function Over({ store, id }: { store: Store; id: string }) {
  const unsent = store.drafts.unsent(id);
  return (
    <div class="form">
      <p class="help">This session has ended. It can be read, but not steered any more.</p>
      {unsent.length > 0 && (
        <section class="group" aria-label="Not sent" data-testid="unsent">
          <h2 class="label">You wrote, and did not send</h2>
          {unsent.map((text) => (
            <div key={text}>
              <p class="before-text">{text}</p>
              <Copy text={text} what="what you wrote" />
            </div>
          ))}
        </section>
      )}
    </div>
  );
}

function Say({ store, id }: { store: Store; id: string }) {
  const role = useSignal<"user" | "system">("user");
  const respond = useSignal(true);
  const send = (said: string) =>
    store.attempt("It could not be said", async () => {
      await store.send("POST", pathOf(id, "/message"), { text: said, role: role.value, respond: respond.value });
      store.said.value = "Said";
      return true;
    });
  return (
    <TextForm
      id="say"
      title="Say something"
      label="Message"
      submit="Say it"
      primary
      draft={store.drafts.of(id, "say")}
      send={send}
      help="Whoever is attached sees it in the transcript, as an operator's word too."
    >
      <Segments
        name="role"
        legend="As"
        chosen={role.value}
        onChoose={(value) => (role.value = value)}
        choices={[
          { value: "user", label: "User" },
          { value: "system", label: "Operator" },
        ]}
      />
      <label class="check">
        <input type="checkbox" checked={respond.value} onChange={(e) => (respond.value = e.currentTarget.checked)} />
        Have it answered
      </label>
    </TextForm>
  );
}

/** A word to the model alone. */
function Whisper({ store, id }: { store: Store; id: string }) {
  const send = (text: string) =>
    store.attempt("It could not be whispered", async () => {
      await store.send("POST", pathOf(id, "/message"), { text, private: true });
      store.said.value = "Whispered to the model";
      return true;
    });
  return (
    <TextForm
      id="whisper"
      title="Whisper to the model"
      label="Whisper"
      submit="Whisper it"
      kind="whisper"
      draft={store.drafts.of(id, "whisper")}
      send={send}
      help="The caller never sees this. The model does, from its next answer on; nothing is answered by it."
    />
  );
}

/** For a session without turn detection, or one whose turn does not end. */
function InputAudio({ store, id }: { store: Store; id: string }) {
  const press = (what: "commit" | "clear", done: string) =>
    store.attempt(what === "commit" ? "The audio could not be committed" : "The audio could not be cleared", async () => {
      await store.send("POST", pathOf(id, `/audio/${what}`));
      store.said.value = done;
    });
  return (
    <fieldset class="steer">
      <legend class="label">The caller's audio</legend>
      <div class="actions">
        <button class="button small" type="button" onClick={() => press("commit", "The audio is committed")}>
          Commit it
        </button>
        <button class="button small" type="button" onClick={() => press("clear", "The audio is cleared")}>
          Clear it
        </button>
      </div>
      <p class="help small">Commit makes what was heard so far a turn of the caller. Clear forgets it.</p>
    </fieldset>
  );
}
