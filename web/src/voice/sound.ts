// What is heard of a spoken session, at either end: the microphone, the loudspeaker, and how much of an answer was really played.

import { signal } from "@preact/signals";
import { samplesToMs } from "../audio/pcm";
import type { ItemAccount } from "../audio/play-queue";
import type { Progress } from "../audio/speaker";
import { VoiceLevel } from "../audio/voice-level";
import type { ServerEvent } from "../realtime/events";
import type { Interruption } from "../realtime/outbox";
import { Playout } from "../realtime/playout";
import { type Devices, openDevices, type Worklets } from "./devices";

export interface SoundListeners {
  /** 40 ms of the microphone; `voice` tells whether the user speaks. */
  onFrame(pcm: Uint8Array, voice: boolean): void;
  /** An item begins to be heard, `latency` ms from now. */
  onBegun(item: string, latency: number): void;
  onPlaying(account: ItemAccount, level: number): void;
  /** All that there is was played. */
  onSilent(): void;
  /** More came than is kept to be played. */
  onFull(): void;
  /** An answer was interrupted after `account.played` samples. */
  onCut(account: ItemAccount): void;
  onMicrophoneLost(): void;
  /** The upstream has to learn of an interruption. */
  send(event: Interruption): void;
}

/** Frames of 40 ms with a voice in them after which somebody speaks, and does not just cough. */
const spokenFrames = 8;

export class Sound {
  readonly muted = signal(false);
  /** The user speaks though the microphone is muted. */
  readonly speaksMuted = signal(false);
  /** Levels of the last moment, 0 to 1; read by animation frames, so no signals. */
  readonly levels = { microphone: 0, speaker: 0 };

  private devices: Devices | undefined;
  private playout: Playout | undefined;
  private playing: ItemAccount | undefined;
  private voice = new VoiceLevel();
  private voiceFrames = 0;

  constructor(
    private readonly worklets: Worklets,
    private readonly listeners: SoundListeners,
  ) {}

  /** Reports false if `signal` was aborted meanwhile. Rejects as openDevices does. */
  async open(microphone: string, signal: AbortSignal): Promise<boolean> {
    const { onBegun, onFull, onMicrophoneLost, onCut, send } = this.listeners;
    const devices = await openDevices(this.worklets, microphone, signal, {
      onBegun,
      onFull,
      onProgress: (progress) => this.hearSpeaker(progress),
      onFrame: (pcm, level) => this.hearMicrophone(pcm, level),
      onLost: onMicrophoneLost,
    });
    if (!devices) return false;
    this.devices = devices;
    this.playout = new Playout({ output: devices.speaker, send, onCut });
    return true;
  }

  close(): void {
    this.playout?.reset();
    this.devices?.close();
    this.devices = this.playout = this.playing = undefined;
    this.voice = new VoiceLevel();
    this.levels.microphone = this.levels.speaker = 0;
    this.setMuted(false);
  }

  apply(event: ServerEvent): void {
    this.playout?.apply(event);
  }

  /** Falls silent, and tells the upstream what was heard. */
  async interrupt(): Promise<void> {
    await this.playout?.interrupt();
  }

  /** What still comes of an item is not to be heard. */
  silence(response: string, item: string): void {
    this.playout?.silence(response, item);
  }

  /** Nothing more comes of the responses that were known. */
  forgetResponses(): void {
    this.playout?.reset();
  }

  setMuted(muted: boolean): void {
    this.muted.value = muted && this.devices !== undefined;
    this.speaksMuted.value = false;
    this.voiceFrames = 0;
    this.levels.microphone = 0;
  }

  /** The answer that is not played to its end yet, and how much of it was heard. */
  get unheard(): { item: string; heardMs: number } | undefined {
    const { playing } = this;
    if (!playing || (playing.played === playing.received && playing.complete)) return undefined;
    return { item: playing.item, heardMs: samplesToMs(playing.played) };
  }

  private hearSpeaker({ level, queued, account }: Progress): void {
    this.levels.speaker = level;
    this.playing = account;
    if (account) this.listeners.onPlaying(account, level);
    if (queued === 0 && level === 0) this.listeners.onSilent();
  }

  /** A muted microphone sends silence, so that the upstream notices the end of a sentence. */
  private hearMicrophone(pcm: Uint8Array, level: number): void {
    const voice = this.voice.isVoice(level);
    const muted = this.muted.peek();
    if (muted) {
      pcm.fill(0);
      this.voiceFrames = voice ? this.voiceFrames + 1 : Math.max(0, this.voiceFrames - 0.25);
      if (this.voiceFrames >= spokenFrames) this.speaksMuted.value = true;
    } else {
      this.levels.microphone = level;
    }
    this.listeners.onFrame(pcm, voice && !muted);
  }
}
