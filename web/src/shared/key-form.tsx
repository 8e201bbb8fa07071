import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { offerFocus } from "./focus";
import { apiKey, identify, identity, setApiKey } from "./key";
import { explain } from "./words";

/** Asks for the API key; it stays in this tab. `why` says what it is needed for. */
export function KeyForm({ why }: { why: string }) {
  const key = useSignal("");
  const problem = useSignal("");
  const asking = useSignal(false);
  useEffect(() => offerFocus("key"), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    const given = key.value.trim();
    if (!given) return document.getElementById("key")?.focus();
    if (asking.value) return;
    asking.value = true;
    problem.value = "";
    try {
      await identify(given);
      setApiKey(given);
    } catch (refusal) {
      const { title, advice } = explain(refusal, "The key could not be checked");
      problem.value = `${title}. ${advice}`;
    }
    asking.value = false;
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
          data-catches-focus
          aria-describedby="key-help key-problem"
          aria-invalid={problem.value !== ""}
          value={key.value}
          onInput={(e) => (key.value = e.currentTarget.value)}
        />
        <p class="bad small" id="key-problem" role="alert">
          {problem}
        </p>
      </div>
      <button class="button primary wide" type="submit" aria-disabled={asking.value}>
        {asking.value ? "Asking…" : "Use this key"}
      </button>
    </form>
  );
}

/** Which key is used and who it is, and the way to another one. */
export function KeyRow() {
  const known = identity.value;
  return (
    <p class="key-row" data-testid="identity">
      <span>
        {known ? (
          <>
            <strong>{known.name}</strong> · {known.role}
            {known.version && <span class="version">Switchboard {known.version}</span>}
          </>
        ) : (
          <>
            Key <code>{shortened(apiKey.value)}</code>
          </>
        )}
      </span>
      <button class="link" type="button" onClick={() => setApiKey("")}>
        Change<span class="visually-hidden"> the key</span>
      </button>
    </p>
  );
}

function shortened(key: string): string {
  return key.length > 12 ? `${key.slice(0, 5)}…${key.slice(-4)}` : "••••";
}
