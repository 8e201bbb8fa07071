// The events of the Realtime protocol (GA), and some of the gateway's own, that the page sends and acts on. Any other is passed by.

import type * as schema from "../schema";

export interface Item {
  id: string;
  type: string;
  role?: "user" | "assistant" | "system";
  status?: string;
  content?: { type: string; text?: string; transcript?: string | null }[];
  name?: string;
  call_id?: string;
  arguments?: string;
  output?: string;
}

/** An entry of the conversation as the gateway keeps it. */
export type StoredItem = Pick<
  schema.Item,
  "id" | "type" | "role" | "text" | "name" | "call_id" | "arguments" | "output" | "audio_ms" | "heard_ms" | "latency_ms" | "private" | "response_id"
> & {
  created_at?: string;
  /** The item as the upstream last sent it. */
  raw?: Item;
};

export interface ErrorDetails {
  type?: string;
  code?: string | null;
  message?: string;
  event_id?: string | null;
}

export interface ResponseObject {
  id: string;
  status: string;
  status_details?: { type?: string; reason?: string; error?: ErrorDetails } | null;
}

/** Whose pages show a session. */
export type Viewer = Pick<schema.Viewer, "by" | "pages">;

interface Part {
  response_id: string;
  item_id: string;
  content_index: number;
}

interface ItemPlaced {
  item: Item;
  previous_item_id?: string | null;
}

type Body =
  | { type: "session.created" | "session.updated"; session: Record<string, unknown> }
  // The gateway's own: another upstream took the place of the one before; what was missed is not kept any more.
  | { type: "switchboard.session.renewed"; reason: string }
  // The IDs of items that the gateway dropped to keep the conversation within its limits, and of those that lost their images.
  | { type: "switchboard.session.dropped"; items: readonly string[] | null; images: readonly string[] | null }
  // For those who follow the log only.
  | { type: "switchboard.session.command"; command: string; by: string; fields?: readonly string[] | null; broadcast_id?: string }
  | { type: "switchboard.session.whisper"; item_id: string; text: string }
  | { type: "switchboard.session.viewers"; you: string; viewers: readonly Viewer[] }
  // For those who listen in only.
  | { type: "input_audio_buffer.append"; audio: string }
  | { type: "switchboard.listener.behind"; dropped_events: number; dropped_bytes: number }
  | { type: "switchboard.session.listeners"; listeners: number }
  | { type: "switchboard.session.reset" | "switchboard.session.items"; items: StoredItem[] }
  | { type: "error"; error: ErrorDetails }
  | ({ type: "conversation.item.added" | "conversation.item.created" | "conversation.item.done" } & ItemPlaced)
  | { type: "conversation.item.deleted"; item_id: string }
  | { type: "conversation.item.truncated"; item_id: string; audio_end_ms: number }
  | { type: "conversation.item.input_audio_transcription.delta"; item_id: string; delta?: string }
  | { type: "conversation.item.input_audio_transcription.completed"; item_id: string; transcript: string }
  | { type: "conversation.item.input_audio_transcription.failed"; item_id: string; error: ErrorDetails }
  | { type: "input_audio_buffer.speech_started"; item_id: string }
  | { type: "input_audio_buffer.speech_stopped"; item_id: string }
  | { type: "input_audio_buffer.committed"; item_id: string; previous_item_id?: string | null }
  | { type: "input_audio_buffer.cleared" }
  | { type: "response.created" | "response.done"; response: ResponseObject }
  | { type: "response.output_item.added" | "response.output_item.done"; response_id: string; item: Item }
  | ({ type: "response.output_text.delta" | "response.output_audio_transcript.delta"; delta: string } & Part)
  | ({ type: "response.output_text.done"; text: string } & Part)
  | ({ type: "response.output_audio_transcript.done"; transcript: string } & Part)
  | ({ type: "response.output_audio.delta"; delta: string } & Part)
  | ({ type: "response.output_audio.done" } & Part)
  | { type: "response.function_call_arguments.done"; item_id: string; call_id: string; name?: string; arguments: string };

export type ServerEvent = Body & { event_id?: string };

export type ClientEvent = { event_id?: string } & (
  | { type: "input_audio_buffer.append"; audio: string }
  | { type: "input_audio_buffer.clear" | "input_audio_buffer.commit" }
  | { type: "conversation.item.create"; item: { id: string; type: "message"; role: "user"; content: { type: "input_text"; text: string }[] } }
  | { type: "conversation.item.create"; item: { id: string; type: "function_call_output"; call_id: string; output: string } }
  | { type: "conversation.item.truncate"; item_id: string; content_index: 0; audio_end_ms: number }
  | { type: "response.create" }
  | { type: "response.cancel"; response_id: string }
  // To the gateway alone: what the page has received it need not be sent again.
  | { type: "switchboard.ack"; last_event_id: string }
);

/** Returns undefined for what is no protocol event; the page passes it by. */
export function parseServerEvent(data: unknown): ServerEvent | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const event = JSON.parse(data);
    return typeof event?.type === "string" ? event : undefined;
  } catch {
    return undefined;
  }
}

/** A name for an item or event of ours; the protocol allows 32 characters. */
export function newId(prefix: string): string {
  const random = crypto.getRandomValues(new Uint8Array(10));
  return `${prefix}_${Array.from(random, (b) => b.toString(16).padStart(2, "0")).join("")}`;
}
