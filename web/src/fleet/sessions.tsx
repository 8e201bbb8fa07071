import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { apiKey } from "../shared/key";
import { Ago, Empty, Status, Title } from "../shared/parts";
import { count, plural } from "../shared/words";
import { Bulk } from "./bulk";
import { Feed, rowAt, type Shown } from "./feed";
import type { Labels } from "./labels";
import { addressOf, queryOf } from "./route";
import { Said } from "./said";
import { select, selected } from "./selection";
import { apiQuery } from "./session-filter";
import type { Store } from "./store";
import type { Session } from "./types";
import { nodeName, sayCost, saySessions, sessionWord, stateWords } from "./words";

/** Rows that are drawn above and below those in sight. */
const spare = 8;

/** The sessions of all nodes: those in sight are drawn, and followed as they change. */
export function Sessions({ store }: { store: Store }) {
  const query = String(apiQuery());
  const feed = useRef<Feed>(undefined as never);
  feed.current ??= new Feed(store);
  useEffect(() => feed.current.list(query), [query, apiKey.value]);
  useEffect(() => () => feed.current.close(), []);
  const text = queryOf("sessions").get("said");
  const shown = feed.current.shown.value;
  if (!shown) {
    return (
      <>
        <Title>Sessions</Title>
        <p class="lead nothing">{store.phase.value === "starting" ? "Reading…" : ""}</p>
      </>
    );
  }
  const { page } = shown;
  const filtered = queryOf("sessions").size > 0;
  if (!page.total && !filtered) return <Nothing />;
  return (
    <>
      <Title>Sessions</Title>
      <p class="help summary" data-testid="summary">
        {saySessions(page.totals)}
        {filtered && ` · ${count(page.total)} fit the filter`}
      </p>
      {store.operator.value === false && <OwnOnly />}
      {text ? (
        <Said key={text} store={store} text={text} query={query} />
      ) : (
        <>
          <Bulk store={store} total={page.total} query={apiQuery} />
          <Pause feed={feed.current} />
          {page.total ? <Rows feed={feed.current} shown={shown} /> : <p class="lead nothing">No session fits the filter.</p>}
        </>
      )}
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

/** Rows that change place under the pointer can be stopped. */
function Pause({ feed }: { feed: Feed }) {
  return (
    <label class="check">
      <input type="checkbox" checked={feed.paused.value} onChange={(e) => (feed.paused.value = e.currentTarget.checked)} />
      Pause: leave the rows as they are
    </label>
  );
}

/** As many rows as are in sight, at their places in a list of all. */
function Rows({ feed, shown }: { feed: Feed; shown: Shown }) {
  const list = useRef<HTMLOListElement>(null);
  const sight = useSignal({ first: 0, rows: 20, height: 0 });
  const { total } = shown.page;
  useEffect(() => {
    let asked = 0;
    const look = () => {
      asked = 0;
      const ol = list.current;
      const height = ol?.firstElementChild?.getBoundingClientRect().height;
      if (!ol || !height) return;
      const first = Math.max(0, Math.floor(-ol.getBoundingClientRect().top / height) - spare);
      const rows = Math.ceil(innerHeight / height) + 2 * spare;
      const was = sight.peek();
      if (first !== was.first || rows !== was.rows || height !== was.height) sight.value = { first, rows, height };
    };
    const soon = () => (asked ||= requestAnimationFrame(look));
    soon();
    const done = new AbortController();
    addEventListener("scroll", soon, { capture: true, passive: true, signal: done.signal });
    addEventListener("resize", soon, { signal: done.signal });
    return () => {
      done.abort();
      cancelAnimationFrame(asked);
    };
  }, []);
  const { rows, height } = sight.value;
  const first = Math.max(0, Math.min(sight.value.first, total - rows));
  const end = Math.min(total, first + rows);
  useEffect(() => feed.look(first, end), [first, end]);
  const places = Array.from({ length: end - first }, (_, i) => first + i);
  return (
    <ol class="rows windowed" data-testid="sessions" ref={list} style={{ paddingTop: `${first * height}px`, paddingBottom: `${(total - end) * height}px` }}>
      {places.map((place) => {
        const s = rowAt(shown, place);
        return s ? (
          <Row key={s.session_id} session={s} place={place} total={total} />
        ) : (
          <li key={place} class="row" aria-setsize={total} aria-posinset={place + 1}>
            <p class="help">Reading…</p>
          </li>
        );
      })}
    </ol>
  );
}

function Row({ session: s, place, total }: { session: Session; place: number; total: number }) {
  return (
    <li class="row" data-id={s.session_id} data-status={s.status} aria-setsize={total} aria-posinset={place + 1}>
      <div class="row-head">
        <input
          class="row-select"
          type="checkbox"
          aria-label={`Select ${s.session_id}`}
          checked={selected.value.has(s.session_id)}
          onChange={(e) => select(s.session_id, e.currentTarget.checked)}
        />
        <a class="row-link" href={addressOf("sessions", s.session_id)}>
          {s.session_id}
        </a>
        <Status {...sessionWord(s)} />
      </div>
      <p class="row-facts">
        <LabelList labels={s.labels} />
        {s.status === "ended" ? s.reason && <span>{s.reason}</span> : <span>{plural(s.clients, "client")}</span>}
        {s.states.slice(1).map((state) => (
          <span key={state}>{stateWords[state].text.toLowerCase()}</span>
        ))}
        <span>{plural(s.usage.total_tokens, "token")}</span>
        {s.cost_usd !== undefined && <span>{sayCost(s.cost_usd)}</span>}
        {s.errors > 0 && <span class="bad">{plural(s.errors, "error")}</span>}
        {s.latency.turns > 0 && <span>{count(s.latency.mean_ms)} ms to first audio</span>}
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
