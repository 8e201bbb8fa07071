import { signal } from "@preact/signals";
import { Ago, Empty, Filter, Segments, Status, Title } from "../shared/parts";
import { plural } from "../shared/words";
import type { Labels } from "./labels";
import { LabelsField } from "./labels-field";
import { Pager, Pages } from "./pages";
import { addressOf } from "./route";
import { type Store, usePolled } from "./store";
import type { Session, SessionPage } from "./types";
import { nodeName, saySessions, sessionWord } from "./words";

/** What of the fleet is shown; kept while the user looks at a session. */
const filter = {
  status: signal<"" | Session["status"]>(""),
  labels: signal<Labels>({}),
  pages: new Pages(),
};

function address(): string {
  const query = new URLSearchParams({ limit: "50" });
  if (filter.status.value) query.set("status", filter.status.value);
  for (const [name, value] of Object.entries(filter.labels.value)) query.append("label", `${name}:${value}`);
  if (filter.pages.cursor) query.set("after", filter.pages.cursor);
  return `/realtime/sessions?${query}`;
}

/** The sessions of all nodes, newest first. */
export function Sessions({ store }: { store: Store }) {
  const { answer } = usePolled<SessionPage>(store, "The sessions could not be read", address);
  const page = answer.value;
  if (!page) {
    return (
      <>
        <Title>Sessions</Title>
        <p class="lead nothing">{store.phase.value === "starting" ? "Reading…" : ""}</p>
      </>
    );
  }
  const filtered = filter.status.value !== "" || Object.keys(filter.labels.value).length > 0 || filter.pages.cursor !== "";
  if (!page.sessions.length && !filtered) return <Nothing />;
  return (
    <>
      <Title>Sessions</Title>
      <p class="help summary">{page.sessions.length > 0 && saySessions(page.sessions)}</p>
      {store.operator.value === false && <OwnOnly />}
      {page.sessions.length ? (
        <ol class="rows" data-testid="sessions">
          {page.sessions.map((s) => (
            <Row key={s.session_id} session={s} />
          ))}
        </ol>
      ) : (
        <p class="lead nothing">No session fits the filter.</p>
      )}
      <Pager pages={filter.pages} next={page.next} label="Pages of sessions" />
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

export function SessionFilter() {
  return (
    <Filter>
      <Segments
        name="status"
        legend="Status"
        chosen={filter.status.value}
        onChoose={(value) => {
          filter.pages.newest();
          filter.status.value = value;
        }}
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
        labels={filter.labels.value}
        onLabels={(labels) => {
          filter.pages.newest();
          filter.labels.value = labels;
        }}
      />
    </Filter>
  );
}
