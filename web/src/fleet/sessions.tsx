import { useEffect } from "preact/hooks";
import { Ago, Empty, Filter, Segments, Status, Title } from "../shared/parts";
import { plural } from "../shared/words";
import type { Labels } from "./labels";
import { LabelsField } from "./labels-field";
import { Pager, Pages } from "./pages";
import { addressOf, filter, queryOf } from "./route";
import { type Store, usePolled } from "./store";
import type { Session, SessionPage } from "./types";
import { nodeName, sayCost, saySessions, sayShown, sessionWord } from "./words";

const pages = new Pages("sessions");

/** What of the fleet is shown, as the address has it. */
function shown() {
  const query = queryOf("sessions");
  const labels: Labels = Object.fromEntries(query.getAll("label").map((pair) => [pair.split(":", 1)[0], pair.slice(pair.indexOf(":") + 1)]));
  return { status: (query.get("status") ?? "") as "" | Session["status"], labels, key: query.get("key") ?? "" };
}

/** Shows another part of the fleet, from its newest on. */
function show(changes: { status?: string; label?: string[]; key?: string }): void {
  filter("sessions", { ...changes, after: undefined });
}

function address(): string {
  const query = queryOf("sessions");
  query.set("limit", "50");
  query.set("fields", "summary");
  return `/realtime/sessions?${query}`;
}

/** The sessions of all nodes, newest first. */
export function Sessions({ store }: { store: Store }) {
  const { answer } = usePolled<SessionPage>(store, "The sessions could not be read", address);
  const page = answer.value;
  const goOn = page && !page.sessions.length ? page.next : undefined; // a page without any is not the end
  useEffect(() => {
    if (goOn) pages.older(goOn);
  }, [goOn]);
  if (!page) {
    return (
      <>
        <Title>Sessions</Title>
        <p class="lead nothing">{store.phase.value === "starting" ? "Reading…" : ""}</p>
      </>
    );
  }
  const filtered = queryOf("sessions").size > 0;
  if (!page.sessions.length && !filtered) return <Nothing />;
  return (
    <>
      <Title>Sessions</Title>
      <p class="help summary" data-testid="summary">
        {saySessions(page.totals)}
        {(filtered || page.next) && ` · ${sayShown(page)}`}
      </p>
      {store.operator.value === false && <OwnOnly />}
      {page.sessions.length ? (
        <ol class="rows" data-testid="sessions">
          {page.sessions.map((s) => (
            <Row key={s.session_id} session={s} />
          ))}
        </ol>
      ) : (
        <p class="lead nothing">{goOn ? "Looking…" : "No session fits the filter."}</p>
      )}
      <Pager pages={pages} next={page.next} label="Pages of sessions" />
    </>
  );
}

function Nothing() {
  return (
    <>
      <h1 class="visually-hidden">Sessions</h1>
      <Empty title="Nobody is speaking.">
        <p class="lead">
          Sessions of every node appear here as they are opened, and stay for a while after their end. You can read along, say something, or change how they answer.
        </p>
        <p class="lead">
          Open one on the <a href="/">voice page</a>, or by REST.
        </p>
      </Empty>
    </>
  );
}

function OwnOnly() {
  return (
    <p class="notice" data-testid="own-only">
      <span>
        <strong>These are the sessions that this key opened.</strong> A key with the role operator sees those of all keys.
      </span>
    </p>
  );
}

function Row({ session: s }: { session: Session }) {
  return (
    <li class="row" data-id={s.session_id} data-status={s.status}>
      <div class="row-head">
        <a class="row-link" href={addressOf("sessions", s.session_id)}>
          {s.session_id}
        </a>
        <Status {...sessionWord(s)} />
      </div>
      <p class="row-facts">
        <LabelList labels={s.labels} />
        {s.status === "ended" ? s.reason && <span>{s.reason}</span> : <span>{plural(s.clients, "client")}</span>}
        <span>{plural(s.usage.total_tokens, "token")}</span>
        {s.cost_usd !== undefined && <span>{sayCost(s.cost_usd)}</span>}
        <span>by {s.key}</span>
        {s.node && <span>on {nodeName(s.node)}</span>}
        <Ago at={s.ended_at ?? s.created_at} />
      </p>
    </li>
  );
}

export function LabelList({ labels = {} }: { labels: Labels | undefined }) {
  return (
    <>
      {Object.entries(labels).map(([name, value]) => (
        <span key={name} class="label-chip">
          {name}: {value}
        </span>
      ))}
    </>
  );
}

export function SessionFilter({ store }: { store: Store }) {
  const { status, labels, key } = shown();
  return (
    <Filter>
      <Segments
        name="status"
        legend="Status"
        chosen={status}
        onChoose={(value) => show({ status: value })}
        choices={[
          { value: "", label: "All" },
          { value: "active", label: "Live" },
          { value: "created", label: "Opened" },
          { value: "ended", label: "Ended" },
        ]}
      />
      <LabelsField
        id="labels"
        label="Labels"
        help="All of them must be there; separate them by commas."
        labels={labels}
        onLabels={(labels) => show({ label: Object.entries(labels).map(([name, value]) => `${name}:${value}`) })}
      />
      {store.operator.value && (
        <div class="group">
          <label class="label" for="opened-by">
            Opened by
          </label>
          <input
            class="field"
            id="opened-by"
            autocomplete="off"
            spellcheck={false}
            placeholder="Name of an API key"
            value={key}
            onChange={(e) => show({ key: e.currentTarget.value.trim() })}
          />
        </div>
      )}
    </Filter>
  );
}
