// The transcript: the conversation's items in their order, with what is known of each so far.
// Order follows previous_item_id, not arrival: what the user said is transcribed while the answer is already on its way.

import { signal } from "@preact/signals";
import type { Item, ServerEvent, StoredItem } from "./events";

export interface Entry {
  readonly id: string;
  readonly role: "user" | "assistant" | "system" | "call" | "note";
  /** listening: the user speaks; waiting: heard, not transcribed yet; cut: interrupted. */
  readonly state: "listening" | "waiting" | "partial" | "done" | "cut" | "failed";
  /** One text per content part. */
  readonly parts: readonly string[];
  readonly responseId?: string;
  /** How much of an answer was really played, 0 to 1; absent for what is not spoken. */
  readonly heard?: number;
  /** Where a spoken answer was cut. */
  readonly cutMs?: number;
  readonly call?: { name: string; callId: string; arguments: string; output?: string };
}

/** Entries kept; the oldest go first. */
const capacity = 500;

export class Conversation {
  readonly entries = signal<readonly Entry[]>([]);

  apply(event: ServerEvent): void {
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        return this.put(event.item_id, { role: "user", state: "listening" });
      case "input_audio_buffer.speech_stopped":
        return this.change(event.item_id, (e) => (e.state === "listening" ? { state: "waiting" } : {}));
      case "input_audio_buffer.cleared":
        return this.remove((e) => e.state === "listening");
      case "input_audio_buffer.committed":
        this.put(event.item_id, { role: "user", state: "waiting" });
        return this.place(event.item_id, event.previous_item_id);
      case "conversation.item.added":
      case "conversation.item.created":
      case "conversation.item.done":
        this.putItem(event.item);
        return this.place(event.item.id, event.previous_item_id);
      case "response.output_item.added":
      case "response.output_item.done":
        return this.putItem(event.item, event.response_id);
      case "conversation.item.deleted":
        return this.remove((e) => e.id === event.item_id);
      case "conversation.item.truncated":
        return this.change(event.item_id, (e) => (e.heard === 1 ? {} : { state: "cut", cutMs: event.audio_end_ms }));
      case "switchboard.session.reset":
        return this.restore(event.items);
      case "switchboard.session.renewed":
        return this.endUnfinished();
      case "response.done":
        return this.endResponse(event.response.id);
      default:
        return this.applyText(event);
    }
  }

  /** What the user typed, shown before the server has it. */
  type(id: string, text: string): void {
    this.put(id, { role: "user", state: "done", parts: [text] });
  }

  /** A remark of the page itself. */
  note(text: string): void {
    this.put(`note_${++this.notes}`, { role: "note", state: "done", parts: [text] });
  }

  /** How much of a spoken answer was played so far. */
  hear(id: string, heard: number): void {
    this.change(id, (e) => (e.state === "cut" ? {} : { heard }));
  }

  /** An answer was interrupted after `ms` of it were played. */
  cut(id: string, heard: number, ms: number): void {
    this.change(id, () => ({ state: "cut", heard, cutMs: ms }));
  }

  /** The session is over: what was on its way stays as far as it came, and what was not heard will not be. */
  end(): void {
    this.endUnfinished();
    this.entries.value = this.entries.value.map((e) => (e.state === "partial" || (e.heard ?? 1) < 1 ? { ...e, state: "cut" } : e));
  }

  clear(): void {
    this.entries.value = [];
  }

  private notes = 0;

  private applyText(event: ServerEvent): void {
    switch (event.type) {
      case "conversation.item.input_audio_transcription.delta":
        return this.addText(event.item_id, 0, event.delta ?? "");
      case "conversation.item.input_audio_transcription.completed":
        return this.setText(event.item_id, 0, event.transcript.trim(), "done");
      case "conversation.item.input_audio_transcription.failed":
        return this.change(event.item_id, () => ({ state: "failed" }));
      case "response.output_text.delta":
      case "response.output_audio_transcript.delta":
        this.put(event.item_id, { role: "assistant", state: "partial", responseId: event.response_id });
        return this.addText(event.item_id, event.content_index, event.delta);
      case "response.output_text.done":
        return this.setText(event.item_id, event.content_index, event.text);
      case "response.output_audio_transcript.done":
        return this.setText(event.item_id, event.content_index, event.transcript);
      case "response.output_audio.delta":
        return this.change(event.item_id, (e) => (e.heard === undefined ? { heard: 0 } : {}));
      case "response.function_call_arguments.done":
        return this.change(event.item_id, (e) => e.call && { call: { ...e.call, arguments: event.arguments } });
    }
  }

  private putItem(item: Item, responseId?: string): void {
    if (item.type === "function_call_output") return this.answerCall(item);
    if (item.type === "function_call") return this.putCall(item);
    if (item.type !== "message" || !item.role) return;
    const parts = (item.content ?? []).map((c) => c.text ?? c.transcript ?? "");
    const said = parts.some((p) => p !== "");
    const spoken = item.role === "user" && (item.content ?? []).some((c) => c.type === "input_audio");
    const state = item.role === "assistant" ? "partial" : spoken && !said ? "waiting" : "done";
    this.put(item.id, { role: item.role, state, ...(responseId && { responseId }) });
    if (said) this.change(item.id, (e) => (e.parts.some((p) => p !== "") ? {} : { parts, ...(e.role === "user" && { state: "done" }) }));
    if (item.status === "completed") this.change(item.id, (e) => (e.state === "partial" ? { state: "done" } : {}));
  }

  private restore(items: StoredItem[]): void {
    this.clear();
    for (const item of items) {
      this.putItem({ ...item, status: "completed", content: [{ type: "text", text: item.text ?? "" }] });
      const ms = item.heard_ms;
      if (ms !== undefined) this.change(item.id, () => ({ state: "cut", cutMs: ms }));
    }
  }

  private putCall(item: Item): void {
    const call = { name: item.name ?? "", callId: item.call_id ?? "", arguments: item.arguments ?? "" };
    this.put(item.id, { role: "call", state: "partial", call });
    this.change(item.id, (e) => ({ call: { ...e.call, ...call, arguments: call.arguments || (e.call?.arguments ?? "") } }));
  }

  private answerCall(item: Item): void {
    const asked = this.entries.value.find((e) => e.call && e.call.callId === item.call_id);
    if (asked?.call) this.change(asked.id, () => ({ state: "done", call: { ...asked.call!, output: item.output ?? "" } }));
  }

  /** The upstream is another one, and goes on with nothing of what the one before left: answers end where they are, what was being said is heard anew. */
  private endUnfinished(): void {
    this.remove((e) => e.state === "listening");
    this.entries.value = this.entries.value.map((e) => {
      if (e.state === "waiting") return { ...e, state: "failed" };
      return e.role === "assistant" && e.state === "partial" ? { ...e, state: "cut" } : e;
    });
  }

  /** What a response left unfinished stays as it is, marked as cut. */
  private endResponse(responseId: string): void {
    const left = this.entries.value.filter((e) => e.responseId === responseId && e.state === "partial");
    for (const e of left) this.change(e.id, () => ({ state: "cut" }));
  }

  private addText(id: string, part: number, delta: string): void {
    this.change(id, (e) => ({
      parts: withPart(e.parts, part, (e.parts[part] ?? "") + delta),
      ...(e.state === "waiting" && { state: "partial" as const }),
    }));
  }

  private setText(id: string, part: number, text: string, state?: Entry["state"]): void {
    this.change(id, (e) => ({ parts: withPart(e.parts, part, text), ...(state && { state }) }));
  }

  /** Adds an entry at the end unless it is known. */
  private put(id: string, entry: Omit<Entry, "id" | "parts"> & { parts?: readonly string[] }): void {
    if (this.entries.value.some((e) => e.id === id)) return;
    this.entries.value = [...this.entries.value, { parts: [], ...entry, id }].slice(-capacity);
  }

  private change(id: string, update: (entry: Entry) => Partial<Entry> | undefined): void {
    const at = this.entries.value.findIndex((e) => e.id === id);
    const entry = this.entries.value[at];
    if (!entry) return;
    this.entries.value = this.entries.value.with(at, { ...entry, ...update(entry) });
  }

  private remove(drop: (entry: Entry) => boolean): void {
    this.entries.value = this.entries.value.filter((e) => !drop(e));
  }

  private place(id: string, previous: string | null | undefined): void {
    const entry = this.entries.value.find((e) => e.id === id);
    if (!entry || !previous) return;
    const others = this.entries.value.filter((e) => e.id !== id);
    const at = others.findIndex((e) => e.id === previous);
    if (at >= 0) this.entries.value = others.toSpliced(at + 1, 0, entry);
  }
}

function withPart(parts: readonly string[], at: number, text: string): string[] {
  const all = [...parts];
  while (all.length <= at) all.push("");
  all[at] = text;
  return all;
}

/** The text of an entry, and how many of its characters were heard: whole words only. */
export function heardText(entry: Entry): { heard: string; rest: string } {
  const text = entry.parts.filter((p) => p !== "").join(" ");
  if (entry.heard === undefined || entry.heard >= 1) return { heard: text, rest: "" };
  const at = text.length * entry.heard;
  const end = at <= 0 ? 0 : text.indexOf(" ", Math.floor(at));
  return end < 0 ? { heard: text, rest: "" } : { heard: text.slice(0, end), rest: text.slice(end) };
}
