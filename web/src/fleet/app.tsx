import { apiKey } from "../shared/key";
import { Shell } from "../shared/shell";
import { Audit, AuditFilter } from "./audit";
import { BroadcastView } from "./broadcast";
import { Broadcasts, OperatorsOnly } from "./broadcasts";
import { NewBroadcast } from "./new-broadcast";
import { Nodes } from "./nodes";
import { OverviewFilter, OverviewView } from "./overview";
import { place, route } from "./route";
import { SessionView } from "./session";
import { SessionFilter, Sessions } from "./sessions";
import { Shutdowns } from "./shutdowns";
import { Steer } from "./steer";
import type { Store } from "./store";

const locked = {
  why: "Sessions are seen and steered with an API key of this gateway; all of them, and broadcasts, with an operator's.",
  title: "Every session, on every node.",
  lead: "Sign in with a key to read along, to steer one session, or to tell something to all of them at once.",
};

export function App({ store }: { store: Store }) {
  return (
    <Shell page="Fleet" store={store} route={route} locked={locked} side={<Side store={store} />} fold={fold()}>
      <Content key={apiKey.value} store={store} />
    </Shell>
  );
}

/** What the side's form is called where it is folded. */
function fold(): string {
  const { section, id } = place.value;
  if (section === "broadcasts") return "New broadcast";
  if (section === "nodes") return "Key";
  return id ? "Say something, or change it" : "Filter";
}

function Side({ store }: { store: Store }) {
  const { section, id } = place.value;
  if (section === "sessions") return id ? <Steer key={id} store={store} id={id} /> : <SessionFilter key={apiKey.value} store={store} />;
  if (section === "overview") return <OverviewFilter />;
  if (section === "audit") return store.operator.value && <AuditFilter key={apiKey.value} store={store} />;
  if (section !== "broadcasts") return null;
  if (store.operator.value === false) return <p class="help">Broadcasts are written here with an operator's key.</p>;
  return store.operator.value && <NewBroadcast store={store} />;
}

/** What is said to a key that is no operator's. */
const forOperators = {
  broadcasts: { title: "Broadcasts", lead: "To tell something to the whole fleet" },
  overview: { title: "Figures of the fleet", lead: "To see what all sessions do" },
  nodes: { title: "Nodes", lead: "To see how they are, and to drain one" },
  audit: { title: "Audit logs", lead: "To see who changed what" },
};

function Content({ store }: { store: Store }) {
  const { section, id } = place.value;
  if (section === "sessions" && id) return <SessionView key={id} store={store} id={id} />;
  if (section === "sessions") {
    return (
      <>
        <Shutdowns />
        <Sessions store={store} />
      </>
    );
  }
  if (store.operator.value === undefined) return null;
  if (!store.operator.value) return <OperatorsOnly {...forOperators[section]} />;
  if (section === "overview") return <OverviewView store={store} />;
  if (section === "nodes") return <Nodes store={store} />;
  if (section === "audit") return <Audit store={store} />;
  return id ? <BroadcastView key={id} store={store} id={id} /> : <Broadcasts store={store} />;
}
