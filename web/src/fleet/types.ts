// What the gateway says of sessions and broadcasts; /docs of a gateway has every field.

export interface Session {
  session_id: string;
  status: "created" | "active" | "ended";
  reason?: string;
  key: string;
  node?: string;
  labels?: Record<string, string>;
  model?: string;
  session?: { instructions?: string; audio?: { input?: { transcription?: unknown }; output?: { voice?: string } } };
  usage: { responses: number; total_tokens: number; input_tokens: number; output_tokens: number };
  /** US dollars, or that a model has no price. */
  cost_usd?: number | "unknown";
  clients: number;
  responding: boolean;
  created_at: string;
  ended_at?: string;
  ended_by?: string;
  limits?: { max_seconds?: number; max_tokens?: number };
}

/** A page of sessions; total counts all that match, totals all that the key may see. */
export interface SessionPage {
  sessions: Session[];
  next?: string;
  total: number;
  totals: Totals;
}

export interface Totals {
  status: Partial<Record<Session["status"], number>>;
  /** Live sessions by node. */
  nodes: Record<string, number>;
  live: number;
  /** Live sessions without a client. */
  unattended: number;
  clients: number;
}

export type Mode = "append" | "replace";

export interface Broadcast {
  id: string;
  instructions: string;
  mode: Mode;
  select?: Record<string, string>;
  sticky?: boolean;
  by: string;
  created_at: string;
  withdrawn_by?: string;
  withdrawn_at?: string;
}

export interface BroadcastPage {
  broadcasts: Broadcast[];
  next?: string;
}

export type OutcomeStatus = "applied" | "deferred" | "refused" | "ended" | "silent";

/** Sessions that are yet to answer are in matched and in no outcome. */
export interface Counts {
  matched: number;
  nodes?: Record<string, number>;
  outcomes?: Partial<Record<OutcomeStatus, number>>;
}

export interface BroadcastStatus extends Broadcast, Counts {
  withdrawal?: Counts;
}

export interface Outcome {
  session_id: string;
  status: OutcomeStatus;
  reason?: string;
  at: string;
}
