import { createRoute } from "../shared/route";

export const route = createRoute([
  { id: "sessions", name: "Sessions" },
  { id: "broadcasts", name: "Broadcasts" },
]);

export const { place, addressOf, queryOf, filter, fromHere } = route;
