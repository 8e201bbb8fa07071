import { apiKey, identity } from "../shared/key";
import { Shell } from "../shared/shell";
import { Audit, AuditFilter } from "./audit";
import { BroadcastView } from "./broadcast";
import { Broadcasts } from "./broadcasts";
import { Keys } from "./keys";
import { NewBroadcast } from "./new-broadcast";
import { NewKey } from "./new-key";
import { Nodes } from "./nodes";
import { OverviewFilter, OverviewView } from "./overview";
import { Refused } from "./refused";
import { place, route } from "./route";
import { SessionView } from "./session";
import { SessionFilter } from "./session-filter";
import { Sessions } from "./sessions";
import { Settings, SettingsFilter } from "./settings";
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
  if (section === "keys") return "New API key";
  return id ? "Say something, or change it" : "Filter";
}

function Side({ store }: { store: Store }) {
  const { section, id } = place.value;
  if (section === "sessions") return id ? <Steer key={id} store={store} id={id} /> : <SessionFilter key={apiKey.value} store={store} />;
  if (!mayLook(store, section)) return null;
  switch (section) {
    case "broadcasts":
      return <NewBroadcast store={store} />;
    case "overview":
      return <OverviewFilter />;
    case "audit":
      return <AuditFilter key={apiKey.value} store={store} />;
    case "keys":
      return <NewKey store={store} />;
    case "settings":
      return <SettingsFilter />;
  }
  return null;
}

/** Which role a section needs, and what is said to a key without it. */
const needs = {
  broadcasts: { role: "operator", title: "Broadcasts", lead: "To tell something to the whole fleet" },
  overview: { role: "operator", title: "Figures of the fleet", lead: "To see what all sessions do" },
  nodes: { role: "operator", title: "Nodes", lead: "To see how they are, and to drain one" },
  audit: { role: "operator", title: "Audit logs", lead: "To see who changed what" },
  keys: { role: "admin", title: "API keys", lead: "To list, make and revoke them" },
  settings: { role: "operator", title: "Settings", lead: "To see how the nodes are configured" },
} as const;

/** Whether the tab's key may look at a section; undefined until the gateway has said who it is. */
function mayLook(store: Store, section: keyof typeof needs): boolean | undefined {
  return needs[section].role === "admin" ? identity.value && identity.value.role === "admin" : store.operator.value;
}

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
  const may = mayLook(store, section);
  if (may === undefined) return null;
  if (!may) return <Refused {...needs[section]} />;
  if (section === "overview") return <OverviewView store={store} />;
  if (section === "nodes") return <Nodes store={store} />;
  if (section === "audit") return <Audit store={store} />;
  if (section === "keys") return <Keys store={store} />;
  if (section === "settings") return <Settings store={store} />;
  return id ? <BroadcastView key={id} store={store} id={id} /> : <Broadcasts store={store} />;
}
