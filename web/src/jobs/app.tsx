import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { ApiProblem } from "../shared/api";
import { Title } from "../shared/parts";
import { Shell } from "../shared/shell";
import { explain } from "../shared/words";
import { BatchView } from "./batch";
import { Batches, NewBatch } from "./batches";
import { Deliveries, forbidden } from "./deliveries";
import { Inbox, InboxFilter } from "./inbox";
import { EventView } from "./inbox-event";
import { NewDelivery } from "./new-delivery";
import { addressOf, place, route, type Section } from "./route";
import type { Store } from "./store";
import { NewJob, Tuning } from "./tuning";
import { JobView } from "./tuning-job";
import { batchEnded, jobEnded } from "./words";

const locked = {
  why: "Batches, jobs and webhooks are read with an API key of this gateway.",
  title: "Batches, training, webhooks.",
  lead: "Sign in with a key to see what runs, what came back, and what went wrong.",
};

/** What the side's form is called where it is folded. */
const folds: Record<Section, string> = { batches: "New batch", tuning: "New job", inbox: "Filter", deliveries: "New delivery" };

export function App({ store }: { store: Store }) {
  const running = { of: "running", tone: "busy" } as const;
  const tallies = {
    batches: { n: store.batches.value.filter((b) => !batchEnded(b)).length, ...running },
    tuning: { n: store.jobs.value.filter((j) => !jobEnded(j)).length, ...running },
    inbox: { n: store.inbox.value.dead, of: "given up", tone: "bad" as const },
  };
  return (
    <Shell page="Jobs" store={store} route={route} tallies={tallies} locked={locked} side={<Side store={store} />} fold={folds[place.value.section]}>
      <Content store={store} />
    </Shell>
  );
}

function Side({ store }: { store: Store }) {
  const { section } = place.value;
  return (
    <>
      {section === "batches" && <NewBatch store={store} />}
      {section === "tuning" && <NewJob store={store} />}
      {section === "inbox" && <InboxFilter />}
      {section === "deliveries" && (forbidden.value ? <p class="help">Deliveries are set up here with an admin's key.</p> : <NewDelivery store={store} />)}
    </>
  );
}

function Content({ store }: { store: Store }) {
  const { section, id } = place.value;
  if (!store.loaded.value) return <p class="lead nothing">{store.phase.value === "starting" ? "Reading…" : ""}</p>;
  switch (section) {
    case "batches": {
      const batch = store.batches.value.find((b) => b.id === id);
      if (batch) return <BatchView key={batch.id} store={store} batch={batch} />;
      return id ? <Sought key={id} store={store} what="batch" section={section} read={() => store.readBatch(id)} /> : <Batches store={store} />;
    }
    case "tuning": {
      const job = store.jobs.value.find((j) => j.id === id);
      if (job) return <JobView key={job.id} store={store} job={job} />;
      return id ? <Sought key={id} store={store} what="job" section={section} read={() => store.readJob(id)} /> : <Tuning store={store} />;
    }
    case "inbox":
      return id ? <EventView key={id} store={store} id={id} /> : <Inbox store={store} />;
    case "deliveries":
      return <Deliveries store={store} />;
  }
}

/** What is not among the newest that the dashboard lists is asked for by its ID, and shown where it is found. */
function Sought({ store, what, section, read }: { store: Store; what: string; section: Section; read(): Promise<void> }) {
  const problem = useSignal<ApiProblem | undefined>(undefined);
  useEffect(() => {
    void read().catch((said) => (problem.value = said));
  }, [store.phase.value]);
  if (!problem.value) return <p class="lead nothing">Reading…</p>;
  const known = problem.value.status !== 404;
  return (
    <>
      <Title back={{ href: addressOf(section), name: "All" }}>{known ? `The ${what} could not be read` : `No such ${what}`}</Title>
      <p class="lead">{known ? explain(problem.value, "").advice : `OpenAI knows none with this ID, or it belongs to another key.`}</p>
    </>
  );
}
