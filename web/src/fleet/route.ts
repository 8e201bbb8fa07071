import { createRoute } from "../shared/route";

export const route = createRoute([
  { id: "sessions", name: "Sessions" },
  { id: "broadcasts", name: "Broadcasts" },
  { id: "overview", name: "Overview" },
  { id: "nodes", name: "Nodes" },
  { id: "audit", name: "Audit log" },
  { id: "keys", name: "API keys" },
  { id: "settings", name: "Settings" },
]);

export const { place, addressOf, queryOf, filter, fromHere, partOf, showPart } = route;
