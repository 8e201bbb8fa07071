// One voice session as the page lives it: microphone in, loudspeaker out, events between, from Start to End.

import { batch, signal } from "@preact/signals";
import { encodeBase64 } from "../audio/base64";
import { Microphone } from "../audio/microphone";
import { samplesToMs } from "../audio/pcm";
import type { ItemAccount } from "../audio/play-queue";
import { Speaker } from "../audio/speaker";
import { WorkletMissing } from "../audio/worklet";
import { Conversation } from "../realtime/conversation";
import { type ClientEvent, type ErrorDetails, newId, type ResponseObject, type ServerEvent } from "../realtime/events";
import { type Latency, TurnClock } from "../realtime/latency";
import { Playout } from "../realtime/playout";
import { Relay, type RelayEnd, RelayOver, type RelayState, type Ticket } from "../realtime/relay";
import { ApiProblem } from "../shared/api";
import { type CreatedSession, createSession, endSession, newClientToken } from "../shared/sessions";
import { explainEnd, explainError, explainMicrophone, explainProblem, explainResponse, type Notice } from "./notice";
import { type Settings, sessionConfig } from "./settings";
import { Trace } from "./trace";

/** Where the built worklets are; the build knows their hashed names. */
interface Worklets {
  capture: string;
  player: string;
}

export type Phase = "idle" | "starting" | "live" | "reconnecting" | "ended";

/** Who has the word. */
type Floor = "none" | "user" | "thinking" | "assistant";

const tooSlow: Notice = {
  tone: "warning",
  title: "Your connection is too slow",
  advice: "Parts of what you said could not be sent. A better network, or typing, helps.",
};

/** Latencies kept for the median. */
const keptLatencies = 50;

export class Call {
  readonly phase = signal<Phase>("idle");
  readonly floor = signal<Floor>("none");
  readonly notice = signal<Notice | undefined>(undefined);
  readonly muted = signal(false);
  readonly sessionId = signal("");
  readonly model = signal("");
  readonly startedAt = signal(0);
  readonly latencies = signal<readonly Latency[]>([]);
  readonly reconnects = signal(0);
  readonly lost = signal<{ attempt: number; waitMs: number } | undefined>(undefined);
  /** Levels of the last moment, 0 to 1; read by animation frames, so no signals. */
  readonly levels = { microphone: 0, speaker: 0 };
  readonly conversation = new Conversation();
  readonly trace = new Trace();

  private key = "";
  private microphone: Microphone | undefined;
  private speaker: Speaker | undefined;
  private playout: Playout | undefined;
  private relay: Relay | undefined;
  private clock = new TurnClock();
  private activeResponse: string | undefined;
  /** The start that is under way; aborted when the user does not want it any more. */
  private starting = new AbortController();
  /** An answer is to be asked for as soon as the active response is done. */
  private answerWanted = false;

  constructor(private readonly worklets: Worklets) {
    addEventListener("online", () => this.relay?.hurry());
    addEventListener("pagehide", () => this.end());
  }

  /** Opens the devices first: a session that nobody can speak into is not opened. */
  async start(key: string, settings: Settings): Promise<void> {
    if (this.phase.value === "starting" || this.relay) return;
    this.key = key;
    this.reset();
    this.phase.value = "starting";
    const { signal } = (this.starting = new AbortController());
    if (settings.answers === "audio" && !(await this.openDevices(settings, signal))) return;
    try {
      const created = await createSession(key, sessionConfig(settings), { page: "voice" });
      if (signal.aborted) endSession(key, created.session_id).catch(() => undefined);
      else this.attach(created);
    } catch (problem) {
      if (!signal.aborted) this.stop("idle", explainProblem(problem));
    }
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

  setMuted(muted: boolean): void {
    if (!this.microphone) return;
    this.microphone.muted = muted;
    this.muted.value = muted;
    this.levels.microphone = 0;
  }

  /** Sends what the user typed; an answer that is being given is interrupted. Reports whether it was sent. */
  async say(text: string): Promise<boolean> {
    const typedAt = performance.now();
    await this.interrupt();
    const id = newId("item");
    const sent = this.send({ type: "conversation.item.create", event_id: newId("say"), item: { id, type: "message", role: "user", content: [{ type: "input_text", text }] } });
    if (!sent) {
      this.notice.value = { tone: "warning", title: "Not sent", advice: "There is no connection at the moment. Send it again when it is back." };
      return false;
    }
    this.conversation.type(id, text);
    this.clock.typed(typedAt);
    this.floor.value = "thinking";
    this.askForAnswer();
    return true;
  }

  /** Stops the answer that is being given. */
  async interrupt(): Promise<void> {
    if (this.activeResponse) this.send({ type: "response.cancel", event_id: newId("cancel") });
    await this.playout?.interrupt();
    if (this.floor.value === "assistant") this.floor.value = "none";
  }

  dismissNotice(): void {
    this.notice.value = undefined;
  }

  private async openDevices(settings: Settings, signal: AbortSignal): Promise<boolean> {
    try {
      const speaker = await Speaker.open({
        worklet: this.worklets.player,
        onBegun: (item, latency) => this.beginItem(item, latency),
        onProgress: ({ level, queued, account }) => {
          this.levels.speaker = level;
          if (account) this.conversation.hear(account.item, account.received === 0 ? 0 : account.played / account.received);
          if (account) this.trace.playing(account, level);
          if (queued === 0 && level === 0 && this.floor.value === "assistant") this.floor.value = "none";
        },
        onFull: () => this.conversation.note("The answer is longer than ten minutes; the rest of it is not played."),
      });
      if (signal.aborted) return close(speaker);
      this.speaker = speaker;
      this.playout = new Playout({
        output: speaker,
        send: (event) => this.send(event),
        onCut: (account) => this.showCut(account),
      });
      const microphone = await Microphone.open({
        worklet: this.worklets.capture,
        deviceId: settings.microphone,
        onFrame: (pcm, level) => this.hearMicrophone(pcm, level),
        onLost: () => {
          this.notice.value = {
            tone: "warning",
            title: "The microphone is gone",
            advice: "It was unplugged or its permission withdrawn. You can go on by typing, or end and start again.",
          };
        },
      });
      if (signal.aborted) return close(microphone);
      this.microphone = microphone;
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      this.stop("idle", error instanceof WorkletMissing ? explainProblem(new ApiProblem(0, error.message)) : explainMicrophone(error));
      return false;
    }
  }

  private attach(created: CreatedSession): void {
    batch(() => {
      this.sessionId.value = created.session_id;
      this.model.value = created.session.model ?? "";
      this.startedAt.value = Date.now();
    });
    let token: string | undefined = created.client_secret.value;
    this.relay = new Relay({
      ticket: async (): Promise<Ticket> => {
        const first = token;
        token = undefined;
        return { url: created.relay_url, token: first ?? (await this.renewToken()) };
      },
      onEvent: (event) => this.apply(event),
      onState: (state) => this.setRelayState(state),
      onEnd: (end) => this.relayEnded(end),
    });
    this.relay.open();
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
    } else if (state.name === "lost") {
      this.lost.value = { attempt: state.attempt, waitMs: state.waitMs };
      this.phase.value = "reconnecting";
    }
  }

  private relayEnded(end: RelayEnd): void {
    this.stop("ended", explainEnd(end));
  }

  private hearMicrophone(pcm: Uint8Array, level: number): void {
    this.levels.microphone = this.muted.value ? 0 : level;
    this.clock.heardMicrophone(this.levels.microphone, performance.now());
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
      this.playout?.apply(event);
      this.follow(event);
    });
  }

  private follow(event: ServerEvent): void {
    switch (event.type) {
      case "switchboard.session.reset":
        this.forgetResponse();
        break;
      case "switchboard.session.renewed":
        this.renewed(event.reason);
        break;
      case "input_audio_buffer.speech_started":
        this.floor.value = "user";
        this.clock.abandon();
        void this.playout?.interrupt();
        break;
      case "input_audio_buffer.speech_stopped":
        this.floor.value = "thinking";
        this.clock.speechStopped(performance.now());
        break;
      case "response.created":
        this.activeResponse = event.response.id;
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
    this.activeResponse = undefined;
    this.answerWanted = false;
    this.playout?.reset();
  }

  private renewed(reason: string): void {
    if (reason !== "upstream_lost") return;
    this.forgetResponse();
    this.conversation.note("The line to the voice model was lost and is restored. If an answer is missing, ask again.");
  }

  private responseDone(response: ResponseObject): void {
    if (this.activeResponse === response.id) this.activeResponse = undefined;
    const remark = explainResponse(response);
    if (remark) this.conversation.note(remark);
    if (this.floor.value === "thinking" && !this.answerWanted) this.floor.value = "none";
    if (this.answerWanted) this.askForAnswer();
  }

  /** The protocol allows one response at a time: a second one waits for the first to be done. */
  private askForAnswer(): void {
    this.answerWanted = this.activeResponse !== undefined;
    if (!this.answerWanted) this.send({ type: "response.create", event_id: newId("answer") });
  }

  private upstreamError(error: ErrorDetails): void {
    // A response that the page did not know of came first: ask again when it is done.
    if (error.code === "conversation_already_has_active_response" && error.event_id?.startsWith("answer_")) this.answerWanted = true;
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
      this.muted.value = false;
      this.latencies.value = [];
      this.reconnects.value = 0;
      this.conversation.clear();
    });
    this.trace.clear();
    this.clock = new TurnClock();
    this.activeResponse = undefined;
    this.answerWanted = false;
  }

  private stop(phase: "idle" | "ended", notice?: Notice): void {
    this.relay?.close();
    this.microphone?.close();
    this.speaker?.close();
    this.relay = this.microphone = this.speaker = this.playout = undefined;
    this.levels.microphone = this.levels.speaker = 0;
    batch(() => {
      this.conversation.end();
      this.lost.value = undefined;
      this.floor.value = "none";
      this.phase.value = phase;
      this.notice.value = notice;
    });
  }
}

/** Nobody waits for this device any more. */
function close(device: { close(): void }): false {
  device.close();
  return false;
}
