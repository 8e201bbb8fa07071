import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiProblem } from "../shared/api";
import { EventStream } from "../shared/event-stream";
import { Fact } from "../shared/fact";
import { apiKey } from "../shared/key";
import { Ago, Bar, Confirm, Status, Title } from "../shared/parts";
import { count, plural } from "../shared/words";
import { addressOf } from "./route";
import type { Store } from "./store";
import type { BroadcastStatus, Counts, Outcome, OutcomePage, OutcomeStatus } from "./types";
import { audience, broadcastWord, nodeName, outcomeWords, progressOf, sayProgress } from "./words";

const back = () => ({ href: addressOf("broadcasts"), name: "Broadcasts" });

/** One broadcast: how far it has come, and the way to take it back. */
export function BroadcastView({ store, id }: { store: Store; id: string }) {
  const status = useSignal<BroadcastStatus | undefined>(undefined);
  const gone = useSignal(false);
  const path = `/realtime/broadcasts/${encodeURIComponent(id)}`;
  useEffect(() => {
    const stream = new EventStream({
      path: `${path}/events`,
      key: apiKey.peek(),
      lastId: "",
      onEvent: (event) => (status.value = JSON.parse(event.data)),
      onState: (state) => {
        if (state === "live") store.heard();
        else if (state === "lost") store.missed(new ApiProblem(0, "no answer"), "The broadcast could not be read");
      },
      onEnd: (problem) => {
        if (problem?.status === 404) {
          store.heard();
          gone.value = true;
        } else if (problem) store.missed(problem, "The broadcast could not be read");
      },
    });
    return () => stream.close();
  }, [path]);
  const withdraw = () =>
    store.attempt("The broadcast could not be taken back", async () => {
      // How it stands is the stream's to tell: it may have told more than this answer knows.
      await store.send("DELETE", path);
      store.said.value = "The broadcast is withdrawn";
    });
  const b = gone.value ? undefined : status.value;
  return (
    <article class="detail" data-testid="broadcast" data-withdrawn={b?.withdrawn_at !== undefined}>
      <Title back={back()}>{gone.value ? "No such broadcast" : b ? `Broadcast to ${audience(b.select, b.sessions ?? [])}` : "Broadcast"}</Title>
      {gone.value && <p class="lead">It is not among those that the gateway keeps.</p>}
      {b && <Standing store={store} path={path} broadcast={b} withdraw={withdraw} />}
    </article>
  );
}

/** How it stands, and what can be done about it. */
function Standing({ store, path, broadcast: b, withdraw }: { store: Store; path: string; broadcast: BroadcastStatus; withdraw(): unknown }) {
  const withdrawn = b.withdrawal !== undefined;
  return (
    <>
      <p class="quote">{b.instructions}</p>
      <div class="hero">
        <p class="figure-number" data-testid="changed">
          {count(progressOf(b).done)}
        </p>
        <div class="hero-text">
          <Status {...broadcastWord(b)} />
          <p class="figure-caption">
            of {plural(b.matched, "session")} on {plural(Object.keys(b.nodes ?? {}).length, "node")} changed
          </p>
        </div>
        <div class="actions">{!b.withdrawn_at && <Confirm name="Withdraw" question="Take this broadcast back?" action={withdraw} />}</div>
      </div>
      <Progress counts={b} label="Progress" />
      {b.withdrawal && (
        <section class="withdrawal" aria-labelledby="withdrawal-title" data-testid="withdrawal">
          <h2 class="side-title" id="withdrawal-title">
            Taken back
          </h2>
          <p class="help">{sayProgress(b.withdrawal)}</p>
          <Progress counts={b.withdrawal} label="Progress of the withdrawal" />
        </section>
      )}
      <Facts broadcast={b} />
      <Outcomes key={String(withdrawn)} store={store} path={path} withdrawn={withdrawn} />
    </>
  );
}

function Progress({ counts, label }: { counts: Counts; label: string }) {
  const { done, failed, left } = progressOf(counts);
  const seen = (Object.keys(outcomeWords) as OutcomeStatus[]).filter((status) => counts.outcomes?.[status]);
  return (
    <div class="outcomes">
      <Bar label={label} text={sayProgress(counts)} total={counts.matched} done={done} failed={failed} />
      <ul class="outcome-counts">
        {seen.map((status) => (
          <li key={status} data-outcome={status}>
            <Status text={`${outcomeWords[status].text} ${count(counts.outcomes?.[status] ?? 0)}`} tone={outcomeWords[status].tone} />
          </li>
        ))}
        {left > 0 && (
          <li data-outcome="left">
            <Status text={`Yet to answer ${count(left)}`} tone="busy" />
          </li>
        )}
      </ul>
    </div>
  );
}

function Facts({ broadcast: b }: { broadcast: BroadcastStatus }) {
  return (
    <dl class="facts-grid">
      <Fact name="Sent">
        <Ago at={b.created_at} /> by {b.by}
      </Fact>
      {b.withdrawn_at && (
        <Fact name="Withdrawn">
          <Ago at={b.withdrawn_at} /> by {b.withdrawn_by}
        </Fact>
      )}
      <Fact name="Mode">{b.mode === "replace" ? "in place of each session's own" : "added to each session's own"}</Fact>
      <Fact name="New sessions">{b.sticky ? "get it too" : "do not get it"}</Fact>
      {Object.entries(b.nodes ?? {}).map(([node, n]) => (
        <Fact key={node} name="Node">
          {nodeName(node)}: {count(n)}
        </Fact>
      ))}
    </dl>
  );
}

const pageOutcomes = 100;

/** Session by session, read when it is opened: all, or those that it went one way with. */
function Outcomes({ store, path, withdrawn }: { store: Store; path: string; withdrawn: boolean }) {
  const outcomes = useSignal<Outcome[] | undefined>(undefined);
  const next = useSignal<string | undefined>(undefined);
  const status = useSignal<"" | OutcomeStatus>("");
  const open = useSignal(false);
  const read = (after = "") =>
    store.attempt("The sessions could not be read", async () => {
      const query = new URLSearchParams({ limit: String(pageOutcomes), withdrawn: String(withdrawn), ...(status.value && { status: status.value }), ...(after && { after }) });
      const page = await store.get<OutcomePage>(`${path}/outcomes?${query}`);
      outcomes.value = after ? [...(outcomes.value ?? []), ...page.outcomes] : page.outcomes;
      next.value = page.next;
    });
  const choose = (chosen: "" | OutcomeStatus) => {
    status.value = chosen;
    outcomes.value = undefined;
    void read();
  };
  return (
    <details
      class="fold"
      onToggle={(e) => {
        open.value = e.currentTarget.open;
        if (open.value) void read();
      }}
    >
      <summary>Session by session{withdrawn && ", of the withdrawal"}</summary>
      {open.value && <OutcomeFilter status={status.value} onChoose={choose} />}
      <ul class="log" data-testid="outcomes">
        {outcomes.value?.map((o) => (
          <li key={o.session_id}>
            <Status {...outcomeWords[o.status]} />
            <a href={addressOf("sessions", o.session_id)}>{o.session_id}</a>
            <Ago at={o.at} />
            {o.reason && <span class="bad whole">{o.reason}</span>}
          </li>
        ))}
        {outcomes.value?.length === 0 && <li>{status.value ? "None went this way." : "No session has answered yet."}</li>}
      </ul>
      {next.value && (
        <button class="button small" type="button" onClick={() => void read(next.value)}>
          {pageOutcomes} more
        </button>
      )}
    </details>
  );
}

function OutcomeFilter({ status, onChoose }: { status: "" | OutcomeStatus; onChoose(status: "" | OutcomeStatus): void }) {
  return (
    <p class="outcome-filter small">
      <label for="outcome-status">Only</label>{" "}
      <select class="field small" id="outcome-status" value={status} onChange={(e) => onChoose(e.currentTarget.value as "" | OutcomeStatus)}>
        <option value="">All</option>
        {(Object.keys(outcomeWords) as OutcomeStatus[]).map((s) => (
          <option key={s} value={s}>
            {outcomeWords[s].text}
          </option>
        ))}
      </select>
    </p>
  );
}
