import { Title } from "../shared/parts";
import { Shell } from "../shared/shell";
import { BatchView } from "./batch";
import { Batches, NewBatch } from "./batches";
import { Deliveries } from "./deliveries";
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
      {section === "deliveries" && <NewDelivery store={store} />}
    </>
  );
}

function Content({ store }: { store: Store }) {
  const { section, id } = place.value;
  if (!store.loaded.value) return <p class="lead nothing">{store.phase.value === "starting" ? "Reading…" : ""}</p>;
  switch (section) {
    case "batches": {
      const batch = store.batches.value.find((b) => b.id === id);
      return batch ? <BatchView key={batch.id} store={store} batch={batch} /> : id ? <Unknown what="batch" section={section} /> : <Batches store={store} />;
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
