import { useSignal } from "@preact/signals";
import { apiKey, setApiKey } from "./key";

/** Asks for the API key; it stays in this tab. `why` says what it is needed for. */
export function KeyForm({ why }: { why: string }) {
  const key = useSignal("");
  const submit = (event: Event) => {
    event.preventDefault();
    if (key.value.trim()) setApiKey(key.value);
    else document.getElementById("key")?.focus();
  };
  return (
    <form class="form" onSubmit={submit}>
      <h2 class="side-title">Sign in with a key</h2>
      <p class="help" id="key-help">
        {why} It stays in this browser tab. <code>make demo</code> prints one in the terminal.
      </p>
      <div class="group">
        <label class="label" for="key">
          API key
        </label>
        <input
          class="field"
          id="key"
          type="password"
          autocomplete="off"
          spellcheck={false}
          placeholder="sk-…"
          required
          aria-describedby="key-help"
          value={key.value}
          onInput={(e) => (key.value = e.currentTarget.value)}
        />
      </div>
      <button class="button primary wide" type="submit">
        Use this key
      </button>
    </form>
  );
}

/** Which key is used, and the way to another one. */
export function KeyRow() {
  return (
    <p class="key-row">
      <span>
        Key <code>{shortened(apiKey.value)}</code>
      </span>
      <button class="link" type="button" onClick={() => setApiKey("")}>
        Change
      </button>
    </p>
  );
}

function shortened(key: string): string {
  return key.length > 12 ? `${key.slice(0, 5)}…${key.slice(-4)}` : "••••";
}
