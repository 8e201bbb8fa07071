// The gateway's schemas, by the names that the fleet page has for them.

import type * as schema from "../schema";

export type {
  Broadcast,
  BroadcastListOutputBody as BroadcastPage,
  BroadcastStatus,
  Outcome,
  OutcomesOutputBody as OutcomePage,
  Tally as Counts,
  Totals,
} from "../schema";

export type Mode = schema.Broadcast["mode"];
export type OutcomeStatus = schema.Outcome["status"];

/** What the page reads of the API session, whose fields are OpenAI's. */
interface ApiSession {
  instructions?: string;
  audio?: { input?: { transcription?: unknown }; output?: { voice?: string } };
}

export type Session = Omit<schema.SessionView, "session" | "usage" | "updated_at"> & {
  session?: ApiSession;
  usage: Pick<schema.Usage, "responses" | "total_tokens" | "input_tokens" | "output_tokens">;
};
export type SessionPage = Omit<schema.SessionList, "sessions"> & { sessions: Session[] };
