// The gateway's schemas, by the names that the jobs page has for them. Times are unix seconds unless they are text.

import type * as schema from "../schema";

export type {
  Batch,
  Checkpoint,
  DashboardOutputBody as Dashboard,
  Endpoint,
  EventView as InboxEvent,
  Job,
  JobEvent,
  ResultLine,
  SubscriptionOutputBody as Subscription,
} from "../schema";

export type Mark = schema.ModelMark["mark"];
export type InboxState = schema.EventView["state"];
/** A step's metrics; what was not measured is absent. */
export type Point = schema.MetricsOutputBody["points"][number];

/** What GET /api/events tells of the inbox. */
export type InboxChange = Pick<schema.EventView, "id" | "type" | "origin" | "state" | "error" | "note" | "received_at"> & { handler?: string };
