import { addWorklet } from "./worklet";
import type { CaptureReport } from "./worklet-messages";

export interface MicrophoneOptions {
  /** Address of the built capture worklet. */
  worklet: string;
  /** Which microphone; the browser's choice if empty. */
  deviceId?: string;
  onFrame(pcm: Uint8Array<ArrayBuffer>, level: number): void;
  /** The device was unplugged or its permission withdrawn. */
  onLost(): void;
}

/** The open microphone. It runs at the device's own rate; the worklet resamples. */
export class Microphone {
  private node: AudioWorkletNode | undefined;

  private constructor(
    private readonly context: AudioContext,
    private readonly media: MediaStream,
  ) {}

  /** Asks for permission; rejects with the browser's DOMException, or WorkletMissing. */
  static async open(options: MicrophoneOptions): Promise<Microphone> {
    const media = await navigator.mediaDevices.getUserMedia({
      audio: {
        channelCount: 1,
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        ...(options.deviceId && { deviceId: { ideal: options.deviceId } }),
      },
    });
    const context = new AudioContext({ latencyHint: "interactive" });
    const microphone = new Microphone(context, media);
    try {
      await microphone.connect(options);
    } catch (error) {
      microphone.close();
      throw error;
    }
    return microphone;
  }

  /** Frames that are on their way are not heard any more. */
  close(): void {
    if (this.node) this.node.port.onmessage = null;
    for (const track of this.media.getTracks()) track.stop();
    if (this.context.state !== "closed") void this.context.close();
  }

  private async connect(options: MicrophoneOptions): Promise<void> {
    await addWorklet(this.context, options.worklet);
    await this.context.resume();
    const node = (this.node = new AudioWorkletNode(this.context, "capture", { channelCount: 1, channelCountMode: "explicit" }));
    node.port.onmessage = ({ data }: MessageEvent<CaptureReport>) => options.onFrame(new Uint8Array(data.pcm), data.level);
    // Its output is silence; some browsers run only what leads to a loudspeaker.
    this.context.createMediaStreamSource(this.media).connect(node).connect(this.context.destination);
    for (const track of this.media.getAudioTracks()) track.onended = options.onLost;
  }
}

/** The microphones that can be chosen; their names are known only after permission was given. */
export async function listMicrophones(): Promise<{ id: string; label: string }[]> {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter((d) => d.kind === "audioinput" && d.deviceId !== "" && d.label !== "").map((d) => ({ id: d.deviceId, label: d.label }));
}
