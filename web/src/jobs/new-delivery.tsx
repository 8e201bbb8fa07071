import { useSignal } from "@preact/signals";
import { Segments } from "../shared/parts";
import { eventTypes, readDeliveries, showSecret } from "./deliveries";
import type { Store } from "./store";

type Way = "subscription" | "endpoint";

const usual = ["batch.completed", "batch.failed", "batch.expired", "batch.cancelled", "fine_tuning.job.succeeded", "fine_tuning.job.failed", "fine_tuning.job.cancelled"];

/** A form for either way of delivery. */
export function NewDelivery({ store }: { store: Store }) {
  const way = useSignal<Way>("subscription");
  const url = useSignal("");
  const types = useSignal("session.*, batch.*");
  const sending = useSignal(false);
  const out = way.value === "subscription";
  const choose = (next: Way) => {
    way.value = next;
    url.value = next === "endpoint" ? `${location.origin}/webhooks/openai` : "";
    const known = eventTypes.value.filter((t) => usual.includes(t));
    types.value = next === "endpoint" ? (known.length ? known : usual).join(", ") : "session.*, batch.*";
  };
  const make = (): Promise<{ url: string; secret?: string }> => {
    const wanted = { url: url.value, event_types: types.value.split(/[\s,]+/).filter(Boolean) };
    if (out) return store.send("POST", "/webhooks/subscriptions", wanted);
    return store.send("POST", "/webhooks/endpoints", { name: `Switchboard at ${new URL(url.value).host}`, ...wanted });
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (sending.value) return;
    sending.value = true;
    const made = await store.attempt(out ? "The subscription was refused" : "The endpoint was refused", make);
    sending.value = false;
    if (!made) return;
    showSecret(made.url, made.secret);
    url.value = "";
    await readDeliveries(store);
  };
  return (
    <form class="form" id="new" onSubmit={submit}>
      <h2 class="side-title">New delivery</h2>
      <Segments
        name="way"
        legend="Deliveries"
        chosen={way.value}
        onChoose={choose}
        choices={[
          { value: "subscription", label: "To me" },
          { value: "endpoint", label: "From OpenAI" },
        ]}
      />
      <div class="group">
        <label class="label" for="url">
          Address
        </label>
        <input class="field" id="url" type="url" required autocomplete="off" placeholder="https://" value={url.value} onInput={(e) => (url.value = e.currentTarget.value)} />
      </div>
      <div class="group">
        <label class="label" for="event-types">
          Event types
        </label>
        <textarea
          class="field"
          id="event-types"
          rows={out ? 2 : 5}
          required
          aria-describedby="event-types-help"
          value={types.value}
          onInput={(e) => (types.value = e.currentTarget.value)}
        />
        <p class="help small" id="event-types-help">
          {out ? (
            <>
              Exact types, categories like <code>session.*</code>, or <code>*</code> for all.
            </>
          ) : (
            "Exact types, separated by commas. OpenAI has to reach the address by https."
          )}
        </p>
      </div>
      <button class="button primary wide" type="submit" aria-disabled={sending.value}>
        {sending.value ? "Sending…" : out ? "Subscribe" : "Make the endpoint"}
      </button>
    </form>
  );
}
