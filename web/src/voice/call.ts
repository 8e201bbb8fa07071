// One voice session as the page lives it: microphone in, loudspeaker out, events between, from Start to End.

import { batch, signal } from "@preact/signals";
import { WorkletMissing } from "../audio/worklet";
import { Relay, type RelayState } from "../realtime/relay";
import { ApiProblem } from "../shared/api";
import { identify, identity } from "../shared/key";
import { type CreatedSession, createSession, endSession, readItems } from "../shared/sessions";
import type { Worklets } from "./devices";
import { Left } from "./left";
import { explainEnd, explainMicrophone, explainProblem, type Notice, tooSlow } from "./notice";
import { changeSettings, settings as chosen, clientPolicy, type Settings, sessionConfig } from "./settings";
import { Talk } from "./talk";
import { tickets } from "./tickets";

export type Phase = "idle" | "starting" | "live" | "reconnecting" | "ended";

/** A session to attach to. */
interface Attachable {
  id: string;
  relayUrl: string;
  token?: string;
  model: string;
  startedAt: number;
  lastEventId?: string;
}

/** A spoken session whose page is closed ends after this: an open one always sends something, if only silence. */
const spokenIdleSeconds = 120;

export class Call {
  readonly phase = signal<Phase>("idle");
  readonly notice = signal<Notice | undefined>(undefined);
  readonly sessionId = signal("");
  readonly model = signal("");
  readonly startedAt = signal(0);
  readonly endedAt = signal(0);
  readonly reconnects = signal(0);
  readonly lost = signal<{ attempt: number; waitMs: number } | undefined>(undefined);
  /** The session that this tab was in before it was loaded again. */
  readonly left = new Left();
  readonly talk: Talk;

  private key = "";
  private relayUrl = "";
  private relay: Relay | undefined;
  /** The start that is under way; aborted when the user does not want it any more. */
  private starting = new AbortController();

  constructor(worklets: Worklets) {
    this.talk = new Talk({
      worklets,
      send: (event) => this.relay?.send(event) ?? false,
      connected: () => this.relay?.connected ?? false,
      readItems: () => readItems(this.key, this.sessionId.peek()),
      onNotice: (notice) => (this.notice.value = notice),
      onSlow: () => (this.notice.value ??= tooSlow),
    });
    addEventListener("online", () => this.relay?.hurry());
    addEventListener("offline", () => this.relay?.lose());
    addEventListener("pagehide", () => this.relay && this.remember(Date.now()));
    addEventListener("beforeunload", (event) => this.relay && event.preventDefault());
  }

  /** Whether a session runs that the page is part of. */
  get running(): boolean {
    return this.phase.value === "live" || this.phase.value === "reconnecting";
  }

  /** Opens the devices first: a session that nobody can speak into is not opened. */
  async start(key: string, settings: Settings): Promise<void> {
    const limits = settings.answers === "audio" ? { idle_seconds: spokenIdleSeconds } : {};
    const policy = clientPolicy(settings);
    await this.open(key, settings, async (signal) => {
      const created: CreatedSession = await createSession(key, { config: sessionConfig(settings), labels: { page: "voice" }, limits, ...(policy && { client: { policy } }) });
      if (signal.aborted) return void endSession(key, created.session_id).catch(() => undefined);
      this.left.end(key);
      const { session_id: id, relay_url: relayUrl, client_secret, session } = created;
      this.attach({ id, relayUrl, token: client_secret.value, model: session.model ?? "", startedAt: Date.now() });
    });
  }

  /** Goes on with the session that this tab was in: as after a lost connection, from the last event that the page before received. */
  async resume(key: string): Promise<void> {
    const left = this.left.session.value;
    if (!left) return;
    changeSettings({ answers: left.answers, voice: left.voice, ...(left.turns && { turns: left.turns }) });
    await this.open(key, chosen.value, async (signal) => {
      const items = left.received ? [] : await readItems(key, left.id);
      if (signal.aborted) return;
      this.talk.takeOver(left.received?.entries ?? [], left);
      if (!left.received) this.talk.conversation.apply({ type: "switchboard.session.reset", items });
      this.attach({ ...left, ...(left.received && { lastEventId: left.received.lastEventId }) });
    });
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

  dismissNotice(): void {
    this.notice.value = undefined;
  }

  /** Opens the devices that the settings ask for, then the session. */
  private async open(key: string, settings: Settings, session: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.phase.value === "starting" || this.relay) return;
    this.key = key;
    batch(() => {
      this.notice.value = undefined;
      this.reconnects.value = 0;
      this.talk.begin();
    });
    this.phase.value = "starting";
    const { signal } = (this.starting = new AbortController());
    if (!(await this.keyAccepted(key, signal))) return;
    if (settings.answers === "audio" && !(await this.openSound(settings.microphone, signal))) return;
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

  private async openSound(microphone: string, signal: AbortSignal): Promise<boolean> {
    try {
      return await this.talk.sound.open(microphone, signal);
    } catch (error) {
      if (signal.aborted) return false;
      this.stop("idle", error instanceof WorkletMissing ? explainProblem(new ApiProblem(0, error.message)) : explainMicrophone(error));
      return false;
    }
  }

  private attach({ id, relayUrl, token, model, startedAt, lastEventId }: Attachable): void {
    batch(() => {
      this.sessionId.value = id;
      this.model.value = model;
      this.startedAt.value = startedAt;
      this.left.forget();
    });
    this.relayUrl = relayUrl;
    this.relay = new Relay({
      ticket: tickets({ key: this.key, id, relayUrl, policy: clientPolicy(chosen.peek()), ...(token && { token }) }),
      onEvent: (event) => this.talk.apply(event),
      onState: (state) => this.setRelayState(state),
      onEnd: (end) => this.stop("ended", explainEnd(end)),
      ...(lastEventId && { lastEventId }),
    });
    this.remember(0);
    this.relay.open();
  }

  /** For a page that is left: its session goes on without it, and with it again after a reload. */
  private remember(leftAt: number): void {
    const { answers, voice, turns } = chosen.peek();
    const lastEventId = this.relay?.lastEventId;
    this.left.remember({
      ...{ id: this.sessionId.peek(), relayUrl: this.relayUrl, model: this.model.peek(), voice, answers, turns, startedAt: this.startedAt.peek(), leftAt },
      ...this.talk.underway,
      ...(leftAt && lastEventId && { received: { lastEventId, entries: this.talk.conversation.current } }),
    });
  }

  private setRelayState(state: RelayState): void {
    if (state.name === "open") {
      if (this.phase.value === "reconnecting") this.reconnects.value++;
      this.lost.value = undefined;
      this.phase.value = "live";
      void this.talk.catchUp();
    } else if (state.name === "lost") {
      this.lost.value = { attempt: state.attempt, waitMs: state.waitMs };
      this.phase.value = "reconnecting";
    }
  }

  private stop(phase: "idle" | "ended", notice?: Notice): void {
    if (phase === "ended") this.left.forget();
    this.relay?.close();
    this.relay = undefined;
    batch(() => {
      this.talk.end();
      this.lost.value = undefined;
      this.endedAt.value = Date.now();
      this.phase.value = phase;
      this.notice.value = notice;
    });
  }
}
