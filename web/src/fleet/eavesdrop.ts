// Hears both sides of a session live: what the caller says and what the caller hears.

import { signal } from "@preact/signals";
import { decodeBase64 } from "../audio/base64";
import { g711Rate, readG711 } from "../audio/g711";
import { readPcm16, sampleRate } from "../audio/pcm";
import { Resampler } from "../audio/resampler";
import { Speaker } from "../audio/speaker";
import type { ServerEvent } from "../realtime/events";
import { Relay, type RelayEnd, unreachable } from "../realtime/relay";

export type Hearing =
  | { name: "off"; why?: string }
  | { name: "connecting" }
  | { name: "listening" }
  /** The connection was lost; it is made again by itself. */
  | { name: "lost" };

/** The session as far as it says how its sides sound. */
interface Sound {
  audio?: {
    input?: { format?: { type?: string }; turn_detection?: { interrupt_response?: boolean } | null };
    output?: { format?: { type?: string } };
  };
}

/** One side: its loudspeaker, and how its audio is to be read. */
class Side {
  readonly level = signal(0);
  private format = "";
  private resampler: Resampler | undefined;

  private constructor(private readonly speaker: () => Speaker) {}

  static async open(worklet: string): Promise<Side> {
    let speaker: Speaker | undefined;
    const side = new Side(() => speaker as Speaker);
    speaker = await Speaker.open({
      worklet,
      onBegun: () => {},
      onProgress: ({ level }) => (side.level.value = level),
      onFull: () => {},
    });
    return side;
  }

  /** Audio of another format may follow. */
  speaks(format: string): void {
    if (format === this.format) return;
    this.format = format;
    this.resampler = undefined;
  }

  play(item: string, audio: string): void {
    let bytes: Uint8Array;
    try {
      bytes = decodeBase64(audio);
    } catch {
      return; // the caller may send anything
    }
    const telephone = readG711(this.format, bytes);
    if (telephone) this.resampler ??= new Resampler(g711Rate, sampleRate);
    this.speaker().append(item, telephone && this.resampler ? this.resampler.process(telephone) : readPcm16(bytes));
  }

  flush(): void {
    void this.speaker().flush();
  }

  close(): void {
    this.speaker().close();
  }
}

export class Eavesdrop {
  readonly state = signal<Hearing>({ name: "off" });
  readonly caller = signal(0);
  readonly model = signal(0);
  /** Audio events that were lost because this page was too slow for them. */
  readonly dropped = signal(0);

  private sides: { caller: Side; model: Side } | undefined;
  private relay: Relay | undefined;
  private stops: (() => void)[] = [];
  /** Counts beginnings, so that one that takes long does not outlive its end. */
  private turn = 0;
  private interrupts = true;

  constructor(
    private readonly url: string,
    private readonly key: string,
    private readonly worklet: string,
  ) {}

  async start(): Promise<void> {
    if (this.state.peek().name !== "off") return;
    const turn = ++this.turn;
    this.dropped.value = 0;
    this.state.value = { name: "connecting" };
    let caller: Side | undefined;
    try {
      caller = await Side.open(this.worklet);
      const sides = { caller, model: await Side.open(this.worklet) };
      if (turn !== this.turn) {
        sides.caller.close();
        sides.model.close();
        return;
      }
      this.sides = sides;
    } catch (error) {
      caller?.close();
      if (turn === this.turn) this.state.value = { name: "off", why: `The browser opens no loudspeaker: ${error instanceof Error ? error.message : error}` };
      return;
    }
    this.stops = [this.sides.caller.level.subscribe((v) => (this.caller.value = v)), this.sides.model.level.subscribe((v) => (this.model.value = v))];
    this.relay = new Relay({
      listens: true,
      ticket: async () => ({ url: this.url, token: this.key }),
      onEvent: (event) => this.hear(event),
      onState: ({ name }) => {
        if (name === "open") this.state.value = { name: "listening" };
        else if (name === "lost") this.lost();
      },
      onEnd: (end) => this.stop(reason(end)),
    });
    this.relay.open();
  }

  stop(why?: string): void {
    this.turn++;
    this.relay?.close();
    this.relay = undefined;
    for (const stop of this.stops) stop();
    this.stops = [];
    this.sides?.caller.close();
    this.sides?.model.close();
    this.sides = undefined;
    this.caller.value = this.model.value = 0;
    this.state.value = why ? { name: "off", why } : { name: "off" };
  }

  private lost(): void {
    this.sides?.model.flush(); // what follows is later than this
    this.state.value = { name: "lost" };
  }

  private hear(event: ServerEvent): void {
    const { sides } = this;
    if (!sides) return;
    switch (event.type) {
      case "session.created":
      case "session.updated":
        this.learn(event.session as Sound, sides);
        break;
      case "input_audio_buffer.append":
        sides.caller.play("caller", event.audio);
        break;
      case "response.output_audio.delta":
        sides.model.play(event.item_id, event.delta);
        break;
      case "input_audio_buffer.speech_started":
        if (this.interrupts) sides.model.flush();
        break;
      case "conversation.item.truncated":
        sides.model.flush();
        break;
      case "response.done":
        if (event.response.status === "cancelled") sides.model.flush();
        break;
      case "switchboard.listener.behind":
        this.dropped.value += event.dropped_events;
        break;
    }
  }

  private learn({ audio }: Sound, sides: { caller: Side; model: Side }): void {
    sides.caller.speaks(audio?.input?.format?.type ?? "audio/pcm");
    sides.model.speaks(audio?.output?.format?.type ?? "audio/pcm");
    this.interrupts = audio?.input?.turn_detection?.interrupt_response !== false;
  }
}

function reason(end: RelayEnd): string {
  if (end.code === unreachable) return "The session could not be listened to: too many listen, or no node answers.";
  return end.reason ? `Listening has ended: ${end.reason}.` : "Listening has ended with the session.";
}
