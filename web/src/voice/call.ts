// One voice session as the page lives it: microphone in, loudspeaker out, events between, from Start to End.

import { batch, signal } from "@preact/signals";
import { encodeBase64 } from "../audio/base64";
import { samplesToMs } from "../audio/pcm";
import type { ItemAccount } from "../audio/play-queue";
import { WorkletMissing } from "../audio/worklet";
import { Conversation } from "../realtime/conversation";
import { type ClientEvent, type ErrorDetails, newId, type ResponseObject, type ServerEvent } from "../realtime/events";
import { type Latency, TurnClock } from "../realtime/latency";
import { Outbox } from "../realtime/outbox";
import { Relay, RelayOver, type RelayState, type Ticket } from "../realtime/relay";
import { ApiProblem } from "../shared/api";
import { identify, identity } from "../shared/key";
import { type CreatedSession, createSession, endSession, newClientToken, readItems } from "../shared/sessions";
import { Answers } from "./answers";
import type { Worklets } from "./devices";
import { Left } from "./left";
import { explainEnd, explainError, explainMicrophone, explainProblem, explainResponse, microphoneGone, type Notice, tooMuchTyped, tooSlow } from "./notice";
import { changeSettings, settings as chosen, type Settings, sessionConfig } from "./settings";
import { Sound } from "./sound";
import { Trace } from "./trace";
import { TypedMessages } from "./typed";

export type Phase = "idle" | "starting" | "live" | "reconnecting" | "ended";

/** Who has the word. */
type Floor = "none" | "user" | "thinking" | "assistant";

/** A spoken session whose page is closed ends after this: an open one always sends something, if only silence. */
const spokenIdleSeconds = 120;

/** Latencies kept for the median. */
const keptLatencies = 50;

export class Call {
  readonly phase = signal<Phase>("idle");
  readonly floor = signal<Floor>("none");
  readonly notice = signal<Notice | undefined>(undefined);
  readonly sessionId = signal("");
  readonly model = signal("");
  readonly startedAt = signal(0);
  readonly endedAt = signal(0);
  /** The session that this tab was in before it was loaded again. */
  readonly left = new Left();
  readonly latencies = signal<readonly Latency[]>([]);
  readonly reconnects = signal(0);
  readonly lost = signal<{ attempt: number; waitMs: number } | undefined>(undefined);
  readonly conversation = new Conversation();
  readonly trace = new Trace();
  readonly sound: Sound;

  private key = "";
  private relayUrl = "";
  private relay: Relay | undefined;
  private readonly outbox = new Outbox((event) => this.send(event));
  private readonly typed = new TypedMessages();
  private readonly answers = new Answers((event) => this.send(event));
  private clock = new TurnClock();
  /** The start that is under way; aborted when the user does not want it any more. */
  private starting = new AbortController();

  constructor(worklets: Worklets) {
    this.sound = new Sound(worklets, {
      onFrame: (pcm, voice) => this.hearMicrophone(pcm, voice),
      onBegun: (item, latency) => this.beginItem(item, latency),
      onPlaying: (account, level) => this.play(account, level),
      onSilent: () => this.floor.value === "assistant" && (this.floor.value = "none"),
      onFull: () => this.conversation.note("The answer is longer than ten minutes; the rest of it is not played."),
      onCut: (account) => this.showCut(account),
      onMicrophoneLost: () => (this.notice.value = microphoneGone),
      send: (event) => this.outbox.post(event),
    });
    addEventListener("online", () => this.relay?.hurry());
    addEventListener("offline", () => this.relay?.lose());
    addEventListener("pagehide", () => this.remember(Date.now()));
    addEventListener("beforeunload", (event) => this.relay && event.preventDefault());
  }

  /** Whether a session runs that the page is part of. */
  get running(): boolean {
    return this.phase.value === "live" || this.phase.value === "reconnecting";
  }

  /** Opens the devices first: a session that nobody can speak into is not opened. */
  async start(key: string, settings: Settings): Promise<void> {
    if (this.phase.value === "starting" || this.relay) return;
    const limits = settings.answers === "audio" ? { idle_seconds: spokenIdleSeconds } : {};
    await this.open(key, settings, async (signal) => {
      const created = await createSession(key, { config: sessionConfig(settings), labels: { page: "voice" }, limits });
      if (signal.aborted) return void endSession(key, created.session_id).catch(() => undefined);
      this.left.end(key);
      this.attach(created, Date.now());
    });
  }

  /** Goes on with the session that this tab was in, with another client token. */
  async resume(key: string): Promise<void> {
    const left = this.left.session.value;
    if (!left || this.phase.value === "starting" || this.relay) return;
    changeSettings({ answers: left.answers, voice: left.voice });
    await this.open(key, chosen.value, async (signal) => {
      const [token, items] = await Promise.all([newClientToken(key, left.id), readItems(key, left.id)]);
      if (signal.aborted) return;
      this.conversation.apply({ type: "switchboard.session.reset", items });
      const { playing } = left;
      if (playing) this.outbox.post({ type: "conversation.item.truncate", event_id: newId("truncate"), item_id: playing.item, content_index: 0, audio_end_ms: playing.heardMs });
      this.attach({ session_id: left.id, client_secret: { value: token }, relay_url: left.relayUrl, session: { model: left.model } }, left.startedAt);
    });
  }

  /** Opens the devices that the settings ask for, then the session. */
  private async open(key: string, settings: Settings, session: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.key = key;
    this.reset();
    this.phase.value = "starting";
    const { signal } = (this.starting = new AbortController());
    if (!(await this.keyAccepted(key, signal))) return;
    if (settings.answers === "audio" && !(await this.openDevices(settings, signal))) return;
    try {
      await session(signal);
    } catch (problem) {
      if (!signal.aborted) this.stop("idle", explainProblem(problem));
    }
  }

  /** The microphone is not asked for with a key that is of no use. */
  private async keyAccepted(key: string, signal: AbortSignal): Promise<boolean> {
    try {
      if (!identity.peek()) await identify(key);
    } catch (problem) {
      if (!signal.aborted) this.stop("idle", explainProblem(problem));
      return false;
    }
    return !signal.aborted;
  }

  /** Gives up a start that takes too long: a question for permission, say, that nobody answers. */
  cancel(): void {
    if (this.phase.value !== "starting" || this.relay) return;
    this.starting.abort();
    this.stop("idle");
  }

  /** Ends the session here and at the gateway. */
  end(): void {
    if (!this.relay) return;
    // A session that is gone already is what was wanted.
    endSession(this.key, this.sessionId.value).catch(() => undefined);
    this.stop("ended");
  }

  /** Sends what the user typed, or keeps it until there is a connection again. Reports whether it was taken. */
  async say(text: string): Promise<boolean> {
    if (this.typed.full) {
      this.notice.value = tooMuchTyped;
      return false;
    }
    const id = this.typed.add(text);
    this.conversation.type(id, text, "queued");
    if (this.relay?.connected) await this.deliver([id]);
    return true;
  }

  /** Sends what was typed; an answer that is being given is interrupted. What is not sent stays queued. */
  private async deliver(ids: readonly string[]): Promise<void> {
    if (!ids.length) return;
    const typedAt = performance.now();
    await this.interrupt();
    const sent = ids.filter((id) => this.typed.send(id, (event) => this.send(event)));
    if (!sent.length) return;
    for (const id of sent) this.conversation.sent(id);
    this.clock.typed(typedAt);
    this.floor.value = "thinking";
    this.answers.ask();
  }

  /** There is a connection again: the upstream learns first what was interrupted, then what was typed. */
  private async catchUp(): Promise<void> {
    this.outbox.resend();
    await this.typed.doubt(() => readItems(this.key, this.sessionId.peek()));
    await this.deliver(this.typed.unsent());
  }

  /** Stops the answer that is being given. Without a connection the upstream is told as soon as there is one. */
  async interrupt(): Promise<void> {
    const { active } = this.answers;
    if (active) this.outbox.post({ type: "response.cancel", event_id: newId("cancel"), response_id: active });
    await this.sound.interrupt();
    if (this.floor.value === "assistant") this.floor.value = "none";
  }

  dismissNotice(): void {
    this.notice.value = undefined;
  }

  private async openDevices(settings: Settings, signal: AbortSignal): Promise<boolean> {
    try {
      return await this.sound.open(settings.microphone, signal);
    } catch (error) {
      if (signal.aborted) return false;
      this.stop("idle", error instanceof WorkletMissing ? explainProblem(new ApiProblem(0, error.message)) : explainMicrophone(error));
      return false;
    }
  }

  private play(account: ItemAccount, level: number): void {
    this.conversation.hear(account.item, account.received === 0 ? 0 : account.played / account.received);
    this.trace.playing(account, level);
  }

  private attach(created: CreatedSession, startedAt: number): void {
    batch(() => {
      this.sessionId.value = created.session_id;
      this.model.value = created.session.model ?? "";
      this.startedAt.value = startedAt;
      this.left.forget();
    });
    this.relayUrl = created.relay_url;
    this.remember(0);
    let token: string | undefined = created.client_secret.value;
    this.relay = new Relay({
      ticket: async (): Promise<Ticket> => {
        const first = token;
        token = undefined;
        return { url: created.relay_url, token: first ?? (await this.renewToken()) };
      },
      onEvent: (event) => this.apply(event),
      onState: (state) => this.setRelayState(state),
      onEnd: (end) => this.stop("ended", explainEnd(end)),
    });
    this.relay.open();
  }

  /** For a page that is left: its session goes on without it, and with it again after a reload. */
  private remember(leftAt: number): void {
    if (!this.relay && leftAt) return;
    const { answers, voice } = chosen.peek();
    const playing = this.sound.unheard;
    this.left.remember({
      ...{ id: this.sessionId.peek(), relayUrl: this.relayUrl, model: this.model.peek(), voice, answers, startedAt: this.startedAt.peek(), leftAt },
      ...(playing && { playing }),
    });
  }

  /** Asking for another token also tells whether the session still exists. */
  private async renewToken(): Promise<string> {
    try {
      return await newClientToken(this.key, this.sessionId.value);
    } catch (problem) {
      if (problem instanceof ApiProblem && [401, 403, 404, 409, 410].includes(problem.status)) {
        throw new RelayOver({ code: 4000 + problem.status, reason: problem.message });
      }
      throw problem;
    }
  }

  private setRelayState(state: RelayState): void {
    if (state.name === "open") {
      if (this.phase.value === "reconnecting") this.reconnects.value++;
      this.lost.value = undefined;
      this.phase.value = "live";
      void this.catchUp();
    } else if (state.name === "lost") {
      this.lost.value = { attempt: state.attempt, waitMs: state.waitMs };
      this.phase.value = "reconnecting";
    }
  }

  private hearMicrophone(pcm: Uint8Array, voice: boolean): void {
    if (!this.relay) return;
    if (voice) this.clock.heardVoice(performance.now());
    const sent = this.send({ type: "input_audio_buffer.append", audio: encodeBase64(pcm) });
    if (!sent && this.phase.value === "live") this.notice.value ??= tooSlow;
  }

  private send(event: ClientEvent): boolean {
    const sent = this.relay?.send(event) ?? false;
    if (sent) this.trace.sent(event);
    return sent;
  }

  private apply(event: ServerEvent): void {
    this.trace.received(event);
    batch(() => {
      this.conversation.apply(event);
      this.sound.apply(event);
      this.outbox.apply(event);
      this.typed.apply(event);
      this.follow(event);
    });
  }

  private follow(event: ServerEvent): void {
    switch (event.type) {
      case "switchboard.session.reset":
        this.forgetResponse();
        break;
      case "switchboard.session.renewed":
        if (event.reason !== "upstream_lost") break;
        this.forgetResponse();
        this.conversation.note("The line to the voice model was lost and is restored. If an answer is missing, ask again.");
        break;
      case "input_audio_buffer.speech_started":
        this.floor.value = "user";
        this.clock.abandon();
        void this.sound.interrupt();
        break;
      case "input_audio_buffer.speech_stopped":
        this.floor.value = "thinking";
        this.clock.speechStopped(performance.now());
        break;
      case "response.created":
        this.answers.begun(event.response.id);
        break;
      case "response.output_text.delta":
        this.answered("word", performance.now());
        break;
      case "response.done":
        this.responseDone(event.response);
        break;
      case "error":
        this.upstreamError(event.error);
        break;
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
    if (notice) this.notice.value = notice;
  }

  private beginItem(item: string, latency: number): void {
    this.trace.begun(item);
    this.floor.value = "assistant";
    this.answered("sound", performance.now() + latency);
  }

  private showCut(account: ItemAccount): void {
    this.trace.cut(account);
    const heard = account.received === 0 ? 0 : account.played / account.received;
    this.conversation.cut(account.item, heard, samplesToMs(account.played));
  }

  private answered(first: Latency["first"], now: number): void {
    const latency = this.clock.answered(first, now);
    if (latency) this.latencies.value = [...this.latencies.value, latency].slice(-keptLatencies);
  }

  private reset(): void {
    batch(() => {
      this.notice.value = undefined;
      this.latencies.value = [];
      this.reconnects.value = 0;
      this.conversation.clear();
    });
    this.trace.clear();
    this.outbox.clear();
    this.typed.clear();
    this.answers.clear();
    this.clock = new TurnClock();
  }

  private stop(phase: "idle" | "ended", notice?: Notice): void {
    if (phase === "ended") this.left.forget();
    this.relay?.close();
    this.relay = undefined;
    this.sound.close();
    batch(() => {
      this.conversation.end();
      this.lost.value = undefined;
      this.floor.value = "none";
      this.endedAt.value = Date.now();
      this.phase.value = phase;
      this.notice.value = notice;
    });
  }
}
