import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Segments } from "../shared/parts";
import { pathOf } from "./session";
import type { Store } from "./store";

/** What can be done with the session that is looked at. */
export function Steer({ store, id }: { store: Store; id: string }) {
  if (store.session.value?.status === "ended") return <p class="help">This session has ended. It can be read, but not steered any more.</p>;
  return (
    <div class="form">
      <Say store={store} id={id} />
      <Instruct store={store} id={id} />
    </div>
  );
}

function Say({ store, id }: { store: Store; id: string }) {
  const role = useSignal<"user" | "system">("user");
  const send = (said: string) =>
    store.attempt("It could not be said", async () => {
      await store.send("POST", pathOf(id, "/message"), { text: said, role: role.value });
      store.said.value = "Said";
      return true;
    });
  return (
    <TextForm id="say" title="Say something" label="Message" submit="Say it" primary send={send}>
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
    </TextForm>
  );
}

function Instruct({ store, id }: { store: Store; id: string }) {
  const send = (instructions: string) =>
    store.attempt("The instructions were not taken", async () => {
      await store.send("PATCH", pathOf(id), { instructions });
      store.said.value = "The instructions are changed";
      return true;
    });
  return (
    <TextForm
      id="instruct"
      title="Change how it answers"
      label="New instructions"
      submit="Change them"
      send={send}
      help="In the place of the session's own. Broadcasts that stand stay on top."
    />
  );
}

interface TextFormProps {
  id: string;
  title: string;
  label: string;
  submit: string;
  help?: string;
  primary?: boolean;
  /** Whether it was taken. */
  send(text: string): Promise<boolean | undefined>;
  children?: ComponentChildren;
}

function TextForm({ id, title, label, submit, help, primary, send, children }: TextFormProps) {
  const text = useSignal("");
  const sending = useSignal(false);
  const go = async (event: Event) => {
    event.preventDefault();
    if (sending.value) return;
    if (!text.value.trim()) return document.getElementById(id)?.focus();
    sending.value = true;
    const written = text.value;
    // What is written meanwhile stays.
    if ((await send(written.trim())) && text.value === written) text.value = "";
    sending.value = false;
  };
  return (
    <form class="steer" onSubmit={go} aria-label={title}>
      <div class="group">
        <label class="label" for={id}>
          {label}
        </label>
        <textarea
          class="field"
          id={id}
          rows={3}
          required
          {...(help && { "aria-describedby": `${id}-help` })}
          value={text.value}
          onInput={(e) => (text.value = e.currentTarget.value)}
        />
        {help && (
          <p class="help small" id={`${id}-help`}>
            {help}
          </p>
        )}
      </div>
      {children}
      <button class={`button wide ${primary ? "primary" : ""}`} type="submit" aria-disabled={sending.value}>
        {sending.value ? "Sending…" : submit}
      </button>
    </form>
  );
}
