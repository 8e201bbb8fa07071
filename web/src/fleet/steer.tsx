import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Segments } from "../shared/parts";
import { plural } from "../shared/words";
import { changes } from "./diff";
import { takeApart } from "./instructions";
import { addressOf } from "./route";
import { pathOf } from "./session";
import type { Store } from "./store";
import type { Broadcast, BroadcastPage } from "./types";

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
  const respond = useSignal(true);
  const send = (said: string) =>
    store.attempt("It could not be said", async () => {
      await store.send("POST", pathOf(id, "/message"), { text: said, role: role.value, respond: respond.value });
      store.said.value = "Said";
      return true;
    });
  return (
    <TextForm id="say" title="Say something" label="Message" submit="Say it" primary send={send} help="Whoever is attached sees it in the transcript, as an operator's word too.">
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

/** Changes the session's own instructions, in sight of those that it has. */
function Instruct({ store, id }: { store: Store; id: string }) {
  const broadcasts = useSignal<readonly Broadcast[]>([]);
  const undo = useSignal<string | undefined>(undefined);
  const operator = store.operator.value;
  useEffect(() => {
    if (operator)
      void store.get<BroadcastPage>("/realtime/broadcasts?limit=200").then(
        (page) => (broadcasts.value = page.broadcasts),
        () => undefined,
      );
  }, [operator]);
  const { own, standing } = takeApart(store.session.value?.session?.instructions ?? "", broadcasts.value);
  const change = (instructions: string, before: string | undefined) =>
    store.attempt("The instructions were not taken", async () => {
      await store.send("PATCH", pathOf(id), { instructions });
      store.said.value = "The instructions are changed";
      undo.value = before;
      return true;
    });
  return (
    <TextForm
      id="instruct"
      title="Change how it answers"
      label="New instructions"
      submit="Change them"
      send={(text) => change(text, own)}
      before={own}
      help={
        standing.length
          ? `In the place of the session's own. ${plural(standing.length, "broadcast stands", "broadcasts stand")} on top and ${standing.length === 1 ? "stays" : "stay"}.`
          : "In the place of the session's own."
      }
    >
      {standing.map((b) => (
        <a key={b.id} class="standing small" href={addressOf("broadcasts", b.id)}>
          {b.instructions}
        </a>
      ))}
      {undo.value !== undefined && (
        <button class="button wide" type="button" onClick={() => void change(undo.value as string, undefined)}>
          Undo the change
        </button>
      )}
    </TextForm>
  );
}

/** What a session's own instructions are, and what would change in them. */
function Before({ before, after, onTake }: { before: string; after: string; onTake(): void }) {
  if (before === "") return null;
  const written = after.trim();
  return (
    <div class="before">
      <p class="label">{written ? "What changes" : "Its own now"}</p>
      <p class="before-text" data-testid="before">
        {written
          ? changes(before, written).map(({ kind, text }, i) => {
              if (kind === "in") return <ins key={i}>{text}</ins>;
              return kind === "out" ? <del key={i}>{text}</del> : text;
            })
          : before}
      </p>
      {!written && (
        <button class="link small" type="button" onClick={onTake}>
          Begin with these
        </button>
      )}
    </div>
  );
}

interface TextFormProps {
  id: string;
  title: string;
  label: string;
  submit: string;
  help?: string;
  primary?: boolean;
  /** What it takes the place of. */
  before?: string;
  /** Whether it was taken. */
  send(text: string): Promise<boolean | undefined>;
  children?: ComponentChildren;
}

function TextForm({ id, title, label, submit, help, primary, before = "", send, children }: TextFormProps) {
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
        <Before
          before={before}
          after={text.value}
          onTake={() => {
            text.value = before;
            document.getElementById(id)?.focus();
          }}
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
