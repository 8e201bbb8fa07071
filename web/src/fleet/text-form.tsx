import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

interface TextFormProps {
  id: string;
  title: string;
  label: string;
  submit: string;
  /** What is written; it outlives the form. */
  draft: Signal<string>;
  help?: string;
  primary?: boolean;
  rows?: number;
  /** The longest text, in characters. */
  most?: number;
  /** Whether a text without words may be sent. */
  blank?: boolean;
  /** Of another kind than the forms beside it. */
  kind?: string;
  /** Whether it was taken. */
  send(text: string): Promise<boolean | undefined>;
  children?: ComponentChildren;
}

/** A text that is sent to a session. It is cleared once it was taken, and what is written meanwhile stays. */
export function TextForm({ id, title, label, submit, draft, help, primary, rows = 3, most, blank, kind = "", send, children }: TextFormProps) {
  const sending = useSignal(false);
  const go = async (event: Event) => {
    event.preventDefault();
    if (sending.value) return;
    const written = draft.value;
    if (!blank && !written.trim()) return document.getElementById(id)?.focus();
    sending.value = true;
    if ((await send(written.trim())) && draft.value === written) draft.value = "";
    sending.value = false;
  };
  return (
    <form class={`steer ${kind}`} onSubmit={go} aria-label={title}>
      <div class="group">
        <label class="label" for={id}>
          {label}
        </label>
        <textarea
          class="field"
          id={id}
          rows={rows}
          required={!blank}
          maxLength={most}
          {...(help && { "aria-describedby": `${id}-help` })}
          value={draft.value}
          onInput={(e) => (draft.value = e.currentTarget.value)}
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
