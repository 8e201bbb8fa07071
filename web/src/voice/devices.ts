// The microphone and the loudspeaker of a spoken session.

import { Microphone, type MicrophoneOptions } from "../audio/microphone";
import { Speaker, type SpeakerOptions } from "../audio/speaker";

/** Where the built worklets are; the build knows their hashed names. */
export interface Worklets {
  capture: string;
  player: string;
}

type Listeners = Omit<SpeakerOptions, "worklet"> & Pick<MicrophoneOptions, "onFrame" | "onLost">;

export class Devices {
  constructor(
    readonly speaker: Speaker,
    readonly microphone: Microphone,
  ) {}

  close(): void {
    this.microphone.close();
    this.speaker.close();
  }
}

/** Undefined if `signal` was aborted meanwhile: nobody waits for them any more. Rejects as Microphone.open does. */
export async function openDevices(worklets: Worklets, deviceId: string, signal: AbortSignal, listeners: Listeners): Promise<Devices | undefined> {
  const speaker = await Speaker.open({ ...listeners, worklet: worklets.player });
  try {
    if (!signal.aborted) {
      const microphone = await Microphone.open({ ...listeners, worklet: worklets.capture, deviceId });
      if (!signal.aborted) return new Devices(speaker, microphone);
      microphone.close();
    }
  } catch (error) {
    speaker.close();
    throw error;
  }
  speaker.close();
  return undefined;
}
