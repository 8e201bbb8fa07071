import { useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Header } from "../shared/header";
import { apiKey, setApiKey } from "../shared/key";
import { KeyForm, KeyRow } from "../shared/key-form";
import { BatchView } from "./batch";
import { Batches, NewBatch } from "./batches";
import { Deliveries } from "./deliveries";
import { Inbox, InboxFilter } from "./inbox";
import { EventView } from "./inbox-event";
import { NewDelivery } from "./new-delivery";
import { Empty, Title } from "./parts";
import { addressOf, place, type Section, sections } from "./route";
import type { Phase, Store } from "./store";
import { NewJob, Tuning } from "./tuning";
import { JobView } from "./tuning-job";
import { batchEnded, jobEnded } from "./words";

const phaseNames: Record<Phase, string> = { idle: "Not connected", starting: "Connecting", live: "Live", reconnecting: "Retrying" };

export function App({ store }: { store: Store }) {
  const phase = store.phase.value;
  useSignalEffect(() => void store.start(apiKey.value));
  useEffect(() => {
    const name = sections.find((s) => s.id === place.value.section)?.name;
    document.title = `${name} · Switchboard`;
    document.getElementById("stage")?.scrollTo(0, 0);
    scrollTo(0, 0); // where the page is one column
  }, [place.value]);
  return (
    <div class="page" data-phase={phase}>
      <a class="skip" href="#stage">
        Skip to the content
      </a>
      <Header page="Jobs">
        <span class="lamp" data-phase={phase} aria-hidden="true" />
        <span data-testid="phase">{phaseNames[phase]}</span>
      </Header>
      <Sections store={store} />
      <aside class="side" aria-label="Form">
        {apiKey.value ? <Side store={store} /> : <KeyForm why="Batches, jobs and webhooks are read with an API key of this gateway." />}
      </aside>
      <main class="stage" id="stage" tabIndex={-1}>
        <NoticeBar store={store} />
        <div class="content">{apiKey.value ? <Content store={store} /> : <Locked />}</div>
      </main>
      <p class="visually-hidden" role="status">
        {store.said.value}
      </p>
    </div>
  );
}

function Sections({ store }: { store: Store }) {
  const numbers: Partial<Record<Section, { n: number; of: string; tone: string }>> = {
    batches: { n: store.batches.value.filter((b) => !batchEnded(b)).length, of: "running", tone: "busy" },
    tuning: { n: store.jobs.value.filter((j) => !jobEnded(j)).length, of: "running", tone: "busy" },
    inbox: { n: store.inbox.value.dead, of: "given up", tone: "bad" },
  };
  return (
    <nav class="sections" aria-label="Sections">
      {sections.map(({ id, name }) => {
        const number = numbers[id];
        return (
          <a key={id} class="section" href={addressOf(id)} {...(place.value.section === id && { "aria-current": "page" as const })}>
            {name}
            {number && number.n > 0 && (
              <span class="section-number" data-tone={number.tone}>
                {number.n}
                <span class="visually-hidden"> {number.of}</span>
              </span>
            )}
          </a>
        );
      })}
    </nav>
  );
}

function Side({ store }: { store: Store }) {
  const { section } = place.value;
  return (
    <>
      {section === "batches" && <NewBatch store={store} />}
      {section === "tuning" && <NewJob store={store} />}
      {section === "inbox" && <InboxFilter />}
      {section === "deliveries" && <NewDelivery store={store} />}
      <KeyRow />
    </>
  );
}

function Content({ store }: { store: Store }) {
  const { section, id } = place.value;
  if (!store.loaded.value) return <p class="lead nothing">{store.phase.value === "starting" ? "Reading…" : ""}</p>;
  switch (section) {
    case "batches": {
      const batch = store.batches.value.find((b) => b.id === id);
      return batch ? <BatchView store={store} batch={batch} /> : id ? <Unknown what="batch" section={section} /> : <Batches store={store} />;
    }
    case "tuning": {
      const job = store.jobs.value.find((j) => j.id === id);
      return job ? <JobView key={job.id} store={store} job={job} /> : id ? <Unknown what="job" section={section} /> : <Tuning store={store} />;
    }
    case "inbox":
      return id ? <EventView key={id} store={store} id={id} /> : <Inbox store={store} />;
    case "deliveries":
      return <Deliveries store={store} />;
  }
}

function Unknown({ what, section }: { what: string; section: Section }) {
  return (
    <>
      <Title back={{ href: addressOf(section), name: "All" }}>No such {what}</Title>
      <p class="lead">It is not among the hundred newest that this gateway knows.</p>
    </>
  );
}

function Locked() {
  return (
    <>
      <h1 class="visually-hidden">Jobs</h1>
      <Empty title="Batches, training, webhooks.">
        <p class="lead">Sign in with a key to see what runs, what came back, and what went wrong.</p>
      </Empty>
    </>
  );
}

function NoticeBar({ store }: { store: Store }) {
  const notice = store.notice.value;
  const lost = store.loaded.value && store.phase.value === "reconnecting";
  return (
    <div class="notices" role="alert">
      {lost && (
        <div class="notice" data-tone="warning" data-testid="lost">
          <p>
            <strong>The connection was lost.</strong> Connecting again… What happens meanwhile is shown when it is back.
          </p>
        </div>
      )}
      {notice && (
        <div class="notice" data-tone={notice.tone} data-testid="notice">
          <p>
            <strong>{notice.title}.</strong> {notice.advice}
          </p>
          <div class="notice-actions">
            {notice.key && (
              <button class="button small" type="button" onClick={() => setApiKey("")}>
                Use another key
              </button>
            )}
            <button class="button small quiet" type="button" onClick={() => store.dismissNotice()}>
              Dismiss
            </button>
          </div>
        </div>
      )}
    </div>
  );
}
