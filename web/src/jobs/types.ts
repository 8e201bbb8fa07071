// What the gateway says of jobs; /docs of a gateway has every field. Times are unix seconds unless they are text.

export interface Batch {
  id: string;
  status: "validating" | "in_progress" | "finalizing" | "completed" | "failed" | "expired" | "cancelling" | "cancelled";
  endpoint: string;
  model?: string;
  request_counts: { total: number; completed: number; failed: number };
  created_at: number;
  in_progress_at?: number;
  ended_at?: number;
  expires_at?: number;
  output_file_id?: string;
  error_file_id?: string;
  errors?: { code: string; line?: number; message: string }[];
  usage?: { input_tokens: number; cached_tokens: number; output_tokens: number; total_tokens: number };
  cost_usd?: number;
  metadata?: Record<string, string>;
  retry_of?: string;
  completion_window: string;
  stale?: boolean;
}

/** One line of a batch's results or errors, with its request. */
export interface ResultLine {
  custom_id: string | null;
  line: number;
  request: unknown;
  status_code: number | null;
  response: unknown;
  error: unknown;
}

export interface Job {
  id: string;
  status: "validating_files" | "queued" | "running" | "paused" | "succeeded" | "failed" | "cancelled";
  model: string;
  fine_tuned_model?: string;
  method?: string;
  created_at: number;
  finished_at?: number;
  estimated_finish?: number;
  trained_tokens?: number;
  hyperparameters?: Record<string, unknown>;
  error?: string;
  metadata?: Record<string, string>;
  stale?: boolean;
  smoke_test?: { ok: boolean; prompt: string; answer: string; error?: string; at: string; ms: number };
  mark?: { mark: Mark; by: string; note?: string; at: string };
}

export type Mark = "candidate" | "promoted" | "held";

/** A step's metrics; what was not measured is absent. */
export interface Point {
  step: number;
  train_loss?: number;
  valid_loss?: number;
  full_valid_loss?: number;
}

export interface Checkpoint {
  id: string;
  created_at: number;
  fine_tuned_model_checkpoint: string;
  step_number: number;
  metrics: Point;
}

export interface JobEvent {
  id: string;
  created_at: number;
  level: string;
  message: string;
}

export type InboxState = "waiting" | "done" | "dead" | "discarded";

/** An event of the inbox, or a delivery to a subscriber. */
export interface InboxEvent {
  id: string;
  type: string;
  origin: "openai" | "gateway";
  state: InboxState;
  received_at: string;
  failures: number;
  duplicates: number;
  error?: string;
  note?: string;
  payload?: unknown;
  attempts?: { at: string; ms: number; node?: string; by?: string; error?: string; note?: string; action?: "replayed" | "discarded" }[];
}

/** What GET /api/events tells of the inbox. */
export interface InboxChange {
  id: string;
  type: string;
  origin: InboxEvent["origin"];
  state: InboxState;
  handler?: string;
  error?: string;
  note?: string;
  received_at: string;
}

export interface Dashboard {
  last_event_id: string;
  batches: Batch[];
  jobs: Job[];
  inbox: { kept: number; waiting: number; dead: number };
  subscriptions: { all: number; disabled: number; failing: number };
}

export interface Endpoint {
  id: string;
  name: string;
  url: string;
  event_types: string[];
  signing_secret_hint: string;
  accepted: boolean;
}

export interface Subscription {
  id: string;
  url: string;
  event_types: string[];
  description?: string;
  enabled: boolean;
  disabled_reason?: string;
  failing_since?: string;
  secret_hint: string;
  /** Only when it is made or rotated. */
  secret?: string;
}
