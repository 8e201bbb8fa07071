import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { NewKey as MadeKey } from "../schema";
import { Copy } from "../shared/copy";
import { Segments } from "../shared/parts";
import type { Store } from "./store";

type Role = MadeKey["role"];

const limits = [
  { name: "sessions", label: "Sessions at once" },
  { name: "tokens", label: "Tokens a day" },
  { name: "seconds", label: "Seconds of sessions a day" },
] as const;

/** Makes an API key, whose secret is shown once. */
export function NewKey({ store }: { store: Store }) {
  const role = useSignal<Role>("app");
  const made = useSignal<MadeKey | undefined>(undefined);
  const sending = useSignal(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (sending.value) return;
    const form = event.currentTarget as HTMLFormElement;
    sending.value = true;
    made.value = await store.attempt("The key was not made", () => store.send<MadeKey>("POST", "/keys", requestOf(new FormData(form), role.value)));
    sending.value = false;
  };
  if (made.value) return <Secret made={made.value} onDone={() => (made.value = undefined)} />;
  return (
    <form class="form" id="new" tabIndex={-1} aria-labelledby="new-title" onSubmit={submit}>
      <h2 class="side-title" id="new-title">
        New API key
      </h2>
      <div class="group">
        <label class="label" for="name">
          Name
        </label>
        <input class="field" id="name" name="name" required maxLength={64} pattern="[A-Za-z0-9_.\-]+" title="Letters, digits, _ . and -" autocomplete="off" spellcheck={false} />
      </div>
      <Segments
        name="role"
        legend="Role"
        chosen={role.value}
        onChoose={(value) => (role.value = value)}
        choices={[
          { value: "app", label: "App" },
          { value: "operator", label: "Operator" },
          { value: "admin", label: "Admin" },
        ]}
      />
      {limits.map(({ name, label }) => (
        <div key={name} class="group">
          <label class="label" for={name}>
            {label}
          </label>
          <input class="field" id={name} name={name} type="number" min={1} step={1} placeholder="The gateway's default" />
        </div>
      ))}
      <div class="group">
        <label class="label" for="expires">
          Expires
        </label>
        <input class="field" id="expires" name="expires_at" type="datetime-local" aria-describedby="expires-help" />
        <p class="help small" id="expires-help">
          Left empty, never.
        </p>
      </div>
      <button class="button primary wide" type="submit" data-catches-focus aria-disabled={sending.value}>
        {sending.value ? "Making…" : "Make it"}
      </button>
    </form>
  );
}

function requestOf(form: FormData, role: Role) {
  const given = limits.map(({ name }) => [name, Number(form.get(name))] as const).filter(([, n]) => n > 0);
  const expires = String(form.get("expires_at") ?? "");
  return { name: form.get("name"), role, limits: Object.fromEntries(given), ...(expires && { expires_at: new Date(expires).toISOString() }) };
}

function Secret({ made, onDone }: { made: MadeKey; onDone(): void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <div class="form" data-testid="secret">
      <h2 class="side-title" tabIndex={-1} ref={heading}>
        The key {made.name}
      </h2>
      <p class="help">
        This is its only showing: the gateway stores a hash. <Copy text={made.secret} what="the key" />
      </p>
      <code class="secret">{made.secret}</code>
      <button class="button wide" type="button" onClick={onDone}>
        I have stored it
      </button>
    </div>
  );
}
