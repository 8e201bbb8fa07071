// The transcript: the conversation's items in their order, with what is known of each so far.
// Order follows previous_item_id, not arrival: what the user said is transcribed while the answer is already on its way.

import { batch, signal } from "@preact/signals";
import { plural } from "../shared/words";
import type { Item, ServerEvent, StoredItem } from "./events";
import { nextFrame } from "./frame";

export interface Entry {
  readonly id: string;
  readonly role: "user" | "assistant" | "system" | "call" | "note";
  /** listening: the user speaks; waiting: heard, not transcribed yet; untranscribed: nobody transcribes it; queued: typed, not sent yet; unsent: nor ever; cut: interrupted. */
  readonly state: "listening" | "waiting" | "untranscribed" | "queued" | "unsent" | "partial" | "done" | "cut" | "failed";
  /** One text per content part. */
  readonly parts: readonly string[];
  readonly responseId?: string;
  /** How much of an answer was really played, 0 to 1; absent for what is not spoken. */
  readonly heard?: number;
  /** Where a spoken answer was cut. */
  readonly cutMs?: number;
  /** Unix time in ms at which it began. */
  readonly at?: number;
  /** From the end of what the user said, or the request, to the first audio or text. */
  readonly latencyMs?: number;
  /** Told to the model alone. */
  readonly private?: boolean;
  readonly call?: { name: string; callId: string; arguments: string; output?: string };
}

/** Entries kept; the oldest go first. */
const capacity = 500;

/** What somebody did to a session, as a remark in its conversation. */
const commands: Record<string, string> = {
  update: "changed how it answers",
  cancel: "stopped the answer",
  renew: "had its upstream replaced",
  broadcast: "changed its instructions by a broadcast",
  withdraw: "took a broadcast back",
};

export class Conversation {
  /** What there is to be drawn: published once per frame, however many events came for it. */
  readonly entries = signal<readonly Entry[]>([]);
  /** How many older entries are kept no more. */
  readonly dropped = signal(0);

  private list: Entry[] = [];
  private gone = 0;
  private notes = 0;
  private publishing = false;
  private transcribed = true;
  private at: number | undefined;

  constructor(private readonly schedule: (publish: () => void) => void = nextFrame) {}

  /** The entries as they are now; `entries` follows with the next frame. */
  get current(): readonly Entry[] {
    return this.list;
  }

  /** Goes on where another page was. */
  load(entries: readonly Entry[]): void {
    this.clear();
    this.list.push(...entries);
    this.notes = Math.max(0, ...entries.filter((e) => e.role === "note").map((e) => Number(e.id.slice("note_".length))));
  }

  /** Whether what the user says is transcribed at all. */
  transcribes(on: boolean): void {
    if (this.transcribed === on) return;
    this.transcribed = on;
    const [from, to]: Entry["state"][] = on ? ["untranscribed", "waiting"] : ["waiting", "untranscribed"];
    this.changeAll((e) => (e.state === from || (!on && unspoken(e)) ? { state: to as Entry["state"] } : undefined));
  }

  /** `at` is when it happened, in Unix ms, where that is known. */
  apply(event: ServerEvent, at?: number): void {
    this.at = at;
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        return this.put(event.item_id, { role: "user", state: "listening" });
      case "input_audio_buffer.speech_stopped":
        return this.change(event.item_id, (e) => (e.state === "listening" ? { state: this.heardState } : undefined));
      case "input_audio_buffer.cleared":
        return this.remove((e) => e.state === "listening");
      case "input_audio_buffer.committed":
        this.put(event.item_id, { role: "user", state: this.heardState });
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
        return this.change(event.item_id, (e) => (e.heard === 1 ? undefined : { state: "cut", cutMs: event.audio_end_ms }));
      case "switchboard.session.whisper":
        return this.put(event.item_id, { role: "system", state: "done", parts: [event.text], private: true });
      case "switchboard.session.reset":
        return this.restore(event.items, true);
      case "switchboard.session.items":
        return this.restore(event.items, false);
      case "switchboard.session.renewed":
        return this.endUnfinished();
      case "switchboard.session.dropped":
        return this.noteDropped(event.items?.length ?? 0, event.images?.length ?? 0);
      case "switchboard.session.command":
        return this.noteCommand(event.command, event.by);
      case "response.done":
        return this.endResponse(event.response.id);
      default:
        return this.applyText(event);
    }
  }

  /** What the user typed, shown before the server has it. */
  type(id: string, text: string, state: "queued" | "done" = "done"): void {
    this.put(id, { role: "user", state, parts: [text] });
  }

  /** What was typed while there was no connection is on its way. */
  sent(id: string): void {
    this.change(id, (e) => (e.state === "queued" ? { state: "done" } : undefined));
  }

  /** What only the gateway knows: when it began, how long the user waited for it and, of an answer that was cut, how much of its audio was heard. */
  measure({ id, audio_ms, heard_ms, latency_ms, created_at }: StoredItem): void {
    const heard = heard_ms === undefined || !audio_ms ? undefined : Math.min(1, heard_ms / audio_ms);
    const at = Date.parse(created_at ?? "");
    this.change(id, (e) => {
      const news = {
        ...(heard !== undefined && e.state === "cut" && { heard }),
        ...(latency_ms && { latencyMs: latency_ms }),
        ...(at && { at }),
      };
      return (Object.keys(news) as (keyof typeof news)[]).some((name) => news[name] !== e[name]) ? news : undefined;
    });
  }

  /** A remark of the page itself. */
  note(text: string): void {
    this.put(`note_${++this.notes}`, { role: "note", state: "done", parts: [text] });
  }

  /** How much of a spoken answer was played so far. */
  hear(id: string, heard: number): void {
    this.change(id, (e) => (e.state === "cut" || e.heard === heard ? undefined : { heard }));
  }

  /** An answer was interrupted after `ms` of it were played. */
  cut(id: string, heard: number, ms: number): void {
    this.change(id, () => ({ state: "cut", heard, cutMs: ms }));
  }

  /** The session is over: what was on its way stays as far as it came, and what was not heard will not be. */
  end(): void {
    this.endUnfinished();
    this.changeAll((e) => {
      if (e.state === "queued") return { state: "unsent" };
      return e.state === "partial" || (e.state !== "cut" && (e.heard ?? 1) < 1) ? { state: "cut" } : undefined;
    });
  }

  clear(): void {
    this.list = [];
    this.gone = 0;
    this.publish();
  }

  private get heardState(): Entry["state"] {
    return this.transcribed ? "waiting" : "untranscribed";
  }

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
        return this.change(event.item_id, (e) => (e.heard === undefined ? { heard: 0 } : undefined));
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
    const state = item.role === "assistant" ? "partial" : spoken && !said ? this.heardState : "done";
    this.put(item.id, { role: item.role, state, ...(responseId && { responseId }) });
    if (said) this.change(item.id, (e) => (e.parts.some((p) => p !== "") ? undefined : { parts, ...(e.role === "user" && { state: "done" }) }));
    if (item.status === "completed") this.change(item.id, (e) => (e.state === "partial" ? { state: "done" } : undefined));
  }

  /** Who did something to the session that no line tells by itself. */
  private noteCommand(command: string, by: string): void {
    const said = commands[command];
    if (said) this.note(`${by} ${said}.`);
  }

  /** The lines stay: they were said. Only the model forgets them. */
  private noteDropped(items: number, images: number): void {
    const what = [items && plural(items, "of its oldest entries", "of its oldest entries"), images && plural(images, "image")].filter(Boolean).join(" and ");
    if (what) this.note(`The conversation reached its size limit. The model will forget ${what}.`);
  }

  private restore(items: StoredItem[], anew: boolean): void {
    const waiting = this.list.filter((e) => e.state === "queued");
    if (anew) this.clear();
    else this.remove((e) => e.state === "queued");
    for (const item of items) {
      this.putItem({ ...item, status: "completed", content: [{ type: "text", text: wholeText(item) }] }, item.response_id);
      if (item.private) this.change(item.id, () => ({ private: true }));
      const ms = item.heard_ms;
      if (ms !== undefined) this.change(item.id, () => ({ state: "cut", cutMs: ms }));
      this.measure(item);
      if (!this.transcribed) this.change(item.id, (e) => (unspoken(e) ? { state: "untranscribed" } : undefined));
    }
    for (const entry of waiting) this.put(entry.id, entry);
  }

  private putCall(item: Item): void {
    const call = { name: item.name ?? "", callId: item.call_id ?? "", arguments: item.arguments ?? "" };
    this.put(item.id, { role: "call", state: "partial", call });
    this.change(item.id, (e) => ({ call: { ...e.call, ...call, arguments: call.arguments || (e.call?.arguments ?? "") } }));
  }

  private answerCall(item: Item): void {
    const asked = this.list.findLast((e) => e.call && e.call.callId === item.call_id);
    if (asked?.call) this.change(asked.id, () => ({ state: "done", call: { ...asked.call!, output: item.output ?? "" } }));
  }

  /** The upstream is another one, and goes on with nothing of what the one before left: answers end where they are, what was being said is heard anew. */
  private endUnfinished(): void {
    this.remove((e) => e.state === "listening");
    this.changeAll((e) => {
      if (e.state === "waiting") return { state: "failed" };
      return e.role === "assistant" && e.state === "partial" ? { state: "cut" } : undefined;
    });
  }

  /** What a response left unfinished stays as it is, marked as cut. */
  private endResponse(responseId: string): void {
    this.changeAll((e) => (e.responseId === responseId && e.state === "partial" ? { state: "cut" } : undefined));
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
    if (this.indexOf(id) >= 0) return;
    this.list.push({ parts: [], ...(this.at !== undefined && { at: this.at }), ...entry, id });
    this.gone += this.list.splice(0, this.list.length - capacity).length;
    this.publish();
  }

  /** Entries never change, they are replaced: those that are the same need not be drawn again. */
  private change(id: string, update: (entry: Entry) => Partial<Entry> | undefined): void {
    const at = this.indexOf(id);
    const entry = this.list[at];
    const changed = entry && update(entry);
    if (!changed) return;
    this.list[at] = { ...entry, ...changed };
    this.publish();
  }

  private changeAll(update: (entry: Entry) => Partial<Entry> | undefined): void {
    for (const { id } of [...this.list]) this.change(id, update);
  }

  private remove(drop: (entry: Entry) => boolean): void {
    const left = this.list.filter((e) => !drop(e));
    if (left.length === this.list.length) return;
    this.list = left;
    this.publish();
  }

  private place(id: string, previous: string | null | undefined): void {
    const from = this.indexOf(id);
    const before = previous ? this.indexOf(previous) : -1;
    if (from < 0 || before < 0 || from === before + 1) return;
    const [entry] = this.list.splice(from, 1);
    this.list.splice(this.indexOf(previous as string) + 1, 0, entry as Entry);
    this.publish();
  }

  /** What changes is nearly always among the last. */
  private indexOf(id: string): number {
    return this.list.findLastIndex((e) => e.id === id);
  }

  private publish(): void {
    if (this.publishing) return;
    this.publishing = true;
    this.schedule(() => {
      this.publishing = false;
      batch(() => {
        this.entries.value = [...this.list];
        this.dropped.value = this.gone;
      });
    });
  }
}

/** Said by the user, and no word of it known. */
function unspoken(e: Entry): boolean {
  return e.role === "user" && e.state === "done" && e.parts.every((p) => p === "");
}

/** Of an interrupted answer the gateway's text is what was heard; all of it is in the item as the upstream sent it. */
function wholeText({ text = "", heard_ms, raw }: StoredItem): string {
  if (heard_ms === undefined) return text;
  const whole = (raw?.content ?? [])
    .map((c) => c.transcript ?? c.text ?? "")
    .filter((t) => t !== "")
    .join(" ");
  return whole.length > text.length ? whole : text;
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
