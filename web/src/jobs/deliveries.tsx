import { type Signal, signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiProblem } from "../shared/api";
import { Copy } from "../shared/copy";
import { Ago, Confirm, Empty, Status, Title } from "../shared/parts";
import { plural } from "../shared/words";
import type { Store } from "./store";
import type { Endpoint, InboxEvent, Subscription } from "./types";
import { inboxWord } from "./words";

/** An open delivery log is read this often. */
const logEveryMs = 3_000;

const endpoints = signal<readonly Endpoint[] | undefined>(undefined);
const subscriptions = signal<readonly Subscription[] | undefined>(undefined);
/** A secret that is shown this once. */
const newSecret = signal<{ url: string; secret: string } | undefined>(undefined);

/** Whether the key may not set up deliveries. */
export const forbidden = signal(false);

export const eventTypes = signal<readonly string[]>([]);

export async function readDeliveries(store: Store): Promise<void> {
  const read = <T,>(path: string) => store.attempt("Endpoints and subscriptions could not be read", () => store.get<T>(path).catch(unlessForbidden));
  const out = await read<{ subscriptions: Subscription[] | null }>("/webhooks/subscriptions");
  forbidden.value = out === "forbidden";
  if (!out || out === "forbidden") return;
  subscriptions.value = out.subscriptions ?? [];
  const into = await read<{ endpoints: Endpoint[] }>("/webhooks/endpoints");
  if (!into || into === "forbidden") return;
  endpoints.value = into.endpoints;
  const known = await read<{ event_types: string[] }>("/webhooks/event-types");
  if (known && known !== "forbidden") eventTypes.value = known.event_types;
}

/** A role that may not is no trouble: the page says what is needed. */
function unlessForbidden(problem: unknown): "forbidden" {
  if (problem instanceof ApiProblem && problem.status === 403) return "forbidden";
  throw problem;
}

/** What one key sees is not for the next. */
function forget(): void {
  forbidden.value = false;
  newSecret.value = endpoints.value = subscriptions.value = undefined;
}

export function showSecret(url: string, secret: string | undefined): void {
  newSecret.value = secret ? { url, secret } : undefined;
}

/** Where OpenAI delivers to, and where this gateway does. */
export function Deliveries({ store }: { store: Store }) {
  useEffect(() => {
    void readDeliveries(store);
    return forget;
  }, []);
  if (forbidden.value) {
    return (
      <>
        <h1 class="visually-hidden">Deliveries</h1>
        <Empty title="Deliveries need an admin.">
          <p class="lead">
            Where OpenAI delivers to, and who is sent events, is set up with a key of the role admin. This key's batches, jobs and inbox are in the other sections.
          </p>
        </Empty>
      </>
    );
  }
  return (
    <>
      <Title>Deliveries</Title>
      <section class="part" aria-labelledby="in-title">
        <h2 class="side-title" id="in-title">
          OpenAI delivers to
        </h2>
        {endpoints.value?.length === 0 && <p class="help">Nowhere yet. Make an endpoint with this gateway's public address; its secret goes to every node and is never shown.</p>}
        <ul class="rows" data-testid="endpoints">
          {endpoints.value?.map((e) => (
            <EndpointRow key={e.id} store={store} endpoint={e} />
          ))}
        </ul>
      </section>
      <section class="part" aria-labelledby="out-title">
        <h2 class="side-title" id="out-title">
          This gateway delivers to
        </h2>
        <Secret />
        {subscriptions.value?.length === 0 && <p class="help">Nobody yet. Subscribe an address of yours to events of sessions, batches or anything else; deliveries are signed.</p>}
        <ul class="rows" data-testid="subscriptions">
          {subscriptions.value?.map((s) => (
            <SubscriptionRow key={s.id} store={store} subscription={s} />
          ))}
        </ul>
      </section>
    </>
  );
}

function Secret() {
  const shown = newSecret.value;
  return (
    <div role="status">
      {shown && (
        <div class="notice stack" data-testid="secret">
          <p>
            <strong>Copy this secret now.</strong> It verifies deliveries to {shown.url} and is not shown again.
          </p>
          <p class="actions">
            <code class="id">{shown.secret}</code> <Copy text={shown.secret} what="the secret" />
          </p>
        </div>
      )}
    </div>
  );
}

function EndpointRow({ store, endpoint }: { store: Store; endpoint: Endpoint }) {
  const type = useSignal(endpoint.event_types[0] ?? "");
  const said = useSignal("");
  const path = `/webhooks/endpoints/${encodeURIComponent(endpoint.id)}`;
  const test = () =>
    store.attempt("The sample could not be sent", async () => {
      const answer = await store.send<{ status_code: number; success: boolean }>("POST", `${path}/test`, { event_type: type.value });
      said.value = answer.success ? "The sample arrived." : `The endpoint answered ${answer.status_code}.`;
    });
  const rotate = () =>
    store.attempt("The secret could not be changed", async () => {
      await store.send("POST", `${path}/rotate-secret`, {});
      said.value = "New secret. Both are accepted for 24 hours.";
      await readDeliveries(store);
    });
  const remove = () =>
    store.attempt("The endpoint could not be deleted", async () => {
      await store.send("DELETE", path);
      await readDeliveries(store);
    });
  return (
    <li class="row">
      <div class="row-head">
        <strong>{endpoint.name}</strong>
        <Status text={endpoint.accepted ? "Secret kept here" : "Secret from the configuration"} tone={endpoint.accepted ? "good" : "quiet"} />
      </div>
      <p class="row-facts">
        <code class="id">{endpoint.url}</code>
        <span>{plural(endpoint.event_types.length, "type")}</span>
        <code class="id">{endpoint.signing_secret_hint}</code>
      </p>
      <div class="row-actions">
        <select class="field small" aria-label={`Type of the sample for ${endpoint.name}`} value={type.value} onChange={(e) => (type.value = e.currentTarget.value)}>
          {endpoint.event_types.map((t) => (
            <option key={t}>{t}</option>
          ))}
        </select>
        <button class="button small" type="button" onClick={test}>
          Send a sample
        </button>
        <Confirm name="Rotate secret" question="Make a new secret?" action={rotate} />
        <Confirm name="Delete" question="Delete this endpoint?" action={remove} />
        <span class="help" role="status">
          {said.value}
        </span>
      </div>
    </li>
  );
}

function SubscriptionRow({ store, subscription: s }: { store: Store; subscription: Subscription }) {
  const said = useSignal<{ text: string; bad?: boolean }>({ text: "" });
  const log = useSignal<InboxEvent[] | undefined>(undefined);
  const logOpen = useSignal(false);
  const editing = useSignal(false);
  const path = `/webhooks/subscriptions/${encodeURIComponent(s.id)}`;
  const act = (what: string, work: () => Promise<unknown>) => () =>
    store.attempt(what, async () => {
      await work();
      await readDeliveries(store);
    });
  const test = act("The test could not be made", async () => {
    const tried = await store.send<{ delivered: boolean; status_code?: number; error?: string; ms: number }>("POST", `${path}/test`);
    said.value = tried.delivered ? { text: `Delivered in ${tried.ms} ms.` } : { text: `Not delivered: ${tried.error ?? `status ${tried.status_code}`}.`, bad: true };
    if (logOpen.value) await readLog();
  });
  const rotate = act("The secret could not be changed", async () => {
    showSecret(s.url, (await store.send<Subscription>("POST", `${path}/rotate-secret`, {})).secret);
  });
  const enable = act("The subscription could not be changed", () => store.send("PATCH", path, { enabled: !s.enabled }));
  const remove = act("The subscription could not be deleted", () => store.send("DELETE", path));
  const readLog = () =>
    store.attempt("The delivery log could not be read", async () => {
      log.value = (await store.get<{ events: InboxEvent[] }>(`${path}/deliveries?limit=20`)).events;
    });
  useEffect(() => {
    if (!logOpen.value) return undefined;
    void readLog();
    const timer = setInterval(() => document.hidden || void readLog(), logEveryMs);
    return () => clearInterval(timer);
  }, [logOpen.value]);
  return (
    <li class="row">
      <div class="row-head">
        <strong class="address">{s.url}</strong>
        <Status text={s.enabled ? (s.failing_since ? "Failing" : "Enabled") : "Disabled"} tone={s.enabled ? (s.failing_since ? "bad" : "good") : "quiet"} />
      </div>
      <p class="row-facts">
        <span>{s.event_types.join(", ")}</span>
        <code class="id">{s.secret_hint}</code>
        {s.disabled_reason && <span class="bad">{s.disabled_reason}</span>}
      </p>
      <div class="row-actions">
        <button class="button small" type="button" onClick={test}>
          Send a test
        </button>
        <button class="button small" type="button" onClick={enable}>
          {s.enabled ? "Disable" : "Enable"}
        </button>
        <button class="button small" type="button" aria-expanded={editing.value} onClick={() => (editing.value = !editing.value)}>
          Edit
        </button>
        <Confirm name="Rotate secret" question="Make a new secret?" action={rotate} />
        <Confirm name="Delete" question="Delete this subscription?" action={remove} />
        <span class={said.value.bad ? "bad" : "help"} role="status">
          {said.value.text}
        </span>
      </div>
      {editing.value && <EditSubscription store={store} path={path} subscription={s} onDone={() => (editing.value = false)} />}
      <details class="fold" onToggle={(e) => (logOpen.value = e.currentTarget.open)}>
        <summary>Delivery log</summary>
        <DeliveryLog store={store} path={path} log={log} onReplayed={readLog} />
      </details>
    </li>
  );
}

/** Another address, other types. */
function EditSubscription({ store, path, subscription: s, onDone }: { store: Store; path: string; subscription: Subscription; onDone(): void }) {
  const url = useSignal(s.url);
  const types = useSignal(s.event_types.join(", "));
  const save = async (event: Event) => {
    event.preventDefault();
    const change = { url: url.value, event_types: types.value.split(/[\s,]+/).filter(Boolean) };
    const saved = await store.attempt("The subscription could not be changed", async () => {
      await store.send("PATCH", path, change);
      return true;
    });
    if (!saved) return;
    await readDeliveries(store);
    onDone();
  };
  return (
    <form class="form" onSubmit={save}>
      <div class="group">
        <label class="label" for={`url-${s.id}`}>
          Address
        </label>
        <input class="field" id={`url-${s.id}`} type="url" required value={url.value} onInput={(e) => (url.value = e.currentTarget.value)} />
      </div>
      <div class="group">
        <label class="label" for={`types-${s.id}`}>
          Event types
        </label>
        <textarea class="field" id={`types-${s.id}`} rows={2} required value={types.value} onInput={(e) => (types.value = e.currentTarget.value)} />
      </div>
      <div class="actions">
        <button class="button small primary" type="submit">
          Save
        </button>
        <button class="button small quiet" type="button" onClick={onDone}>
          Cancel
        </button>
      </div>
    </form>
  );
}

function DeliveryLog({ store, path, log, onReplayed }: { store: Store; path: string; log: Signal<InboxEvent[] | undefined>; onReplayed(): unknown }) {
  const replay = (id: string) =>
    store.attempt("It could not be delivered again", async () => {
      await store.send("POST", `${path}/deliveries/${encodeURIComponent(id)}/replay`);
      await onReplayed();
    });
  return (
    <ol class="log">
      {log.value?.length === 0 && <li>Nothing was delivered yet.</li>}
      {log.value?.map((d) => (
        <li key={d.id}>
          <Status {...inboxWord(d.state)} />
          <span>{d.type}</span>
          <Ago at={d.received_at} />
          <button class="link" type="button" aria-label={`Deliver ${d.type} ${d.id} again`} onClick={() => replay(d.id)}>
            Again
          </button>
          {d.error && d.state !== "done" && <span class="bad whole">{d.error}</span>}
        </li>
      ))}
    </ol>
  );
}
