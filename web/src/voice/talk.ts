// What is said in a session, to and fro: heard and spoken, typed and answered, interrupted and told of.

import { batch, signal } from "@preact/signals";
import { encodeBase64 } from "../audio/base64";
import { samplesToMs } from "../audio/pcm";
import type { ItemAccount } from "../audio/play-queue";
import { Conversation, type Entry } from "../realtime/conversation";
import { type ClientEvent, type ErrorDetails, newId, type ResponseObject, type ServerEvent } from "../realtime/events";
import { type Lasting, Outbox } from "../realtime/outbox";
import { Answers } from "./answers";
import type { Worklets } from "./devices";
import { explainError, explainResponse, microphoneGone, type Notice, tooMuchTyped } from "./notice";
import { settings } from "./settings";
import { Sound } from "./sound";
import { Tools } from "./tools";
import { Trace } from "./trace";
import { Turns } from "./turns";
import { TypedMessages } from "./typed";

/** Who has the word. */
type Floor = "none" | "user" | "thinking" | "assistant";

interface TalkOptions {
  worklets: Worklets;
  /** Reports whether the event was sent. */
  send(event: ClientEvent): boolean;
  connected(): boolean;
  /** What the gateway has of the conversation. */
  readItems(): Promise<readonly { id: string }[]>;
  onNotice(notice: Notice): void;
  /** The connection is too slow for what the microphone hears. */
  onSlow(): void;
}

/** What was under way when the page was left. */
export interface Underway {
  /** The answer that was being played, and how much of it was heard. */
  playing?: { item: string; heardMs: number };
  /** The response that was being generated. */
  response?: string;
  /** What the upstream may not know yet. */
  unconfirmed?: readonly Lasting[];
}

export class Talk {
  readonly floor = signal<Floor>("none");
  /** Operators who listen in, where the session tells its callers. */
  readonly listeners = signal(0);
  readonly conversation = new Conversation();
  readonly trace = new Trace();
  readonly turns = new Turns();
  readonly sound: Sound;

  private readonly outbox = new Outbox((event) => this.send(event));
  private readonly typed = new TypedMessages();
  private readonly answers = new Answers((event) => this.send(event));
  private readonly tools = new Tools({ tools: () => settings.peek().tools, post: (event) => this.outbox.post(event), askForAnswer: () => this.answers.ask() });

  constructor(private readonly options: TalkOptions) {
    this.sound = new Sound(options.worklets, {
      onFrame: (pcm, voice) => this.hearMicrophone(pcm, voice),
      onBegun: (item, latency) => this.beginItem(item, latency),
      onPlaying: (account, level) => this.play(account, level),
      onSilent: () => this.floor.value === "assistant" && (this.floor.value = "none"),
      onFull: () => this.conversation.note("The answer is longer than ten minutes; the rest of it is not played."),
      onCut: (account) => this.showCut(account),
      onMicrophoneLost: () => options.onNotice(microphoneGone),
      send: (event) => this.outbox.post(event),
    });
  }

  /** What a page that is left has to tell the one that goes on. */
  get underway(): Underway {
    const { unheard: playing } = this.sound;
    const { active: response } = this.answers;
    return { ...(playing && { playing }), ...(response && { response }), unconfirmed: this.outbox.pending };
  }

  /** Sends what the user typed, or keeps it until there is a connection again. Reports whether it was taken. */
  async say(text: string): Promise<boolean> {
    if (this.typed.full) {
      this.options.onNotice(tooMuchTyped);
      return false;
    }
    const id = this.typed.add(text);
    this.conversation.type(id, text, "queued");
    if (this.options.connected()) await this.deliver([id]);
    return true;
  }

  /** The user has finished speaking, where nobody but them can tell. */
  async endTurn(): Promise<void> {
    await this.interrupt();
    if (!this.send({ type: "input_audio_buffer.commit", event_id: newId("commit") })) return;
    this.turns.clock.speechStopped(performance.now());
    this.floor.value = "thinking";
    this.answers.ask();
  }

  /** Stops the answer that is being given. Without a connection the upstream is told as soon as there is one. */
  async interrupt(): Promise<void> {
    const { active } = this.answers;
    if (active) this.outbox.post({ type: "response.cancel", event_id: newId("cancel"), response_id: active });
    await this.sound.interrupt();
    if (this.floor.value === "assistant") this.floor.value = "none";
  }

  /** There is a connection again: the upstream learns first what was interrupted, then what was typed. */
  async catchUp(): Promise<void> {
    this.outbox.resend();
    this.tools.catchUp();
    await this.typed.doubt(() => this.options.readItems());
    await this.deliver(this.typed.unsent());
  }

  apply(event: ServerEvent): void {
    this.trace.received(event);
    batch(() => {
      this.conversation.apply(event);
      this.sound.apply(event);
      this.outbox.apply(event);
      this.typed.apply(event);
      this.follow(event);
      this.tools.apply(event);
    });
  }

  /** Goes on with the conversation of a page that was left. What that had not played is gone with it: the answer ends where it was heard last. */
  takeOver(entries: readonly Entry[], { playing, response, unconfirmed }: Underway): void {
    this.conversation.load(entries);
    for (const { id, state, parts } of entries) if (state === "queued") this.typed.add(parts.join(" "), id);
    for (const event of unconfirmed ?? []) this.outbox.post(event);
    if (response) this.answers.begun(response);
    if (!playing) return;
    if (response) {
      this.sound.silence(response, playing.item);
      this.outbox.post({ type: "response.cancel", event_id: newId("cancel"), response_id: response });
    }
    this.outbox.post({ type: "conversation.item.truncate", event_id: newId("truncate"), item_id: playing.item, content_index: 0, audio_end_ms: playing.heardMs });
  }

  /** Another session begins. */
  begin(): void {
    batch(() => {
      this.turns.clear();
      this.conversation.clear();
    });
    this.trace.clear();
    this.outbox.clear();
    this.typed.clear();
    this.answers.clear();
    this.tools.clear();
  }

  end(): void {
    this.sound.close();
    this.conversation.end();
    this.floor.value = "none";
  }

  private send(event: ClientEvent): boolean {
    const sent = this.options.send(event);
    if (sent) this.trace.sent(event);
    return sent;
  }

  /** Sends what was typed; an answer that is being given is interrupted. What is not sent stays queued. */
  private async deliver(ids: readonly string[]): Promise<void> {
    if (!ids.length) return;
    const typedAt = performance.now();
    await this.interrupt();
    const sent = ids.filter((id) => this.typed.send(id, (event) => this.send(event)));
    if (!sent.length) return;
    for (const id of sent) this.conversation.sent(id);
    this.turns.clock.typed(typedAt);
    this.floor.value = "thinking";
    this.answers.ask();
  }

  private hearMicrophone(pcm: Uint8Array, voice: boolean): void {
    if (voice) this.turns.clock.heardVoice(performance.now());
    const sent = this.send({ type: "input_audio_buffer.append", audio: encodeBase64(pcm) });
    if (!sent && this.options.connected()) this.options.onSlow();
  }

  private follow(event: ServerEvent): void {
    switch (event.type) {
      case "switchboard.session.listeners":
        this.listeners.value = event.listeners;
        return;
      case "switchboard.session.reset":
        return this.forgetResponse();
      case "switchboard.session.renewed":
        if (event.reason !== "upstream_lost") return;
        this.conversation.note("The line to the voice model was lost and is restored. If an answer is missing, ask again.");
        return this.forgetResponse();
      case "input_audio_buffer.speech_started":
        this.floor.value = "user";
        this.turns.clock.abandon();
        return void this.sound.interrupt();
      case "input_audio_buffer.speech_stopped":
        this.floor.value = "thinking";
        return this.turns.clock.speechStopped(performance.now());
      case "response.created":
        return this.answers.begun(event.response.id);
      case "response.output_text.delta":
        return this.turns.answered("word", performance.now());
      case "response.done":
        return this.responseDone(event.response);
      case "error":
        return this.upstreamError(event.error);
    }
  }

  /** Nothing more comes of the response that was active. */
  private forgetResponse(): void {
    this.sound.forgetResponses();
    this.answers.forget();
  }

  private responseDone(response: ResponseObject): void {
    const remark = explainResponse(response);
    if (remark) this.conversation.note(remark);
    if (this.floor.value === "thinking" && !this.answers.waiting) this.floor.value = "none";
    this.answers.done(response.id);
  }

  private upstreamError(error: ErrorDetails): void {
    this.answers.refused(error);
    const notice = explainError(error);
    if (notice) this.options.onNotice(notice);
  }

  private beginItem(item: string, latency: number): void {
    this.trace.begun(item);
    this.floor.value = "assistant";
    this.turns.answered("sound", performance.now() + latency);
  }

  private play(account: ItemAccount, level: number): void {
    this.conversation.hear(account.item, heardShare(account));
    this.trace.playing(account, level);
  }

  private showCut(account: ItemAccount): void {
    this.trace.cut(account);
    this.conversation.cut(account.item, heardShare(account), samplesToMs(account.played));
  }
}

function heardShare({ received, played }: ItemAccount): number {
  return received === 0 ? 0 : played / received;
}
