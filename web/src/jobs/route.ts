import { createRoute } from "../shared/route";

export const route = createRoute([
  { id: "batches", name: "Batches" },
  { id: "tuning", name: "Fine-tuning" },
  { id: "inbox", name: "Inbox" },
  { id: "deliveries", name: "Deliveries" },
]);

export const { place, addressOf, queryOf, filter, partOf, showPart, fromHere } = route;

export type Section = (typeof place.value)["section"];
