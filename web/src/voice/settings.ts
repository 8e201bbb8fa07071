// What the user chooses before a session, remembered by this browser.

import { signal } from "@preact/signals";

export const voices = ["marin", "cedar", "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse"] as const;

export interface Settings {
  voice: string;
  instructions: string;
  /** How answers come, and whether the microphone is opened at all. */
  answers: "audio" | "text";
  /** Empty for the browser's choice. */
  microphone: string;
}

const storageName = "switchboard.voice";

const defaults: Settings = {
  voice: "marin",
  instructions: "You are a warm, quick-witted companion on the telephone. Answer in two or three short sentences, and ask back when something is unclear.",
  answers: "audio",
  microphone: "",
};

export const settings = signal<Settings>(load());

export function changeSettings(change: Partial<Settings>): void {
  settings.value = { ...settings.value, ...change };
  localStorage.setItem(storageName, JSON.stringify(settings.value));
}

function load(): Settings {
  try {
    return { ...defaults, ...JSON.parse(localStorage.getItem(storageName) ?? "{}") };
  } catch {
    return defaults;
  }
}

/** The API session that is asked for: a full GA session object. The gateway adds the model that transcribes. */
export function sessionConfig(chosen: Settings) {
  return {
    type: "realtime",
    instructions: chosen.instructions,
    output_modalities: [chosen.answers],
    audio: {
      input: {
        format: { type: "audio/pcm", rate: 24_000 },
        turn_detection: { type: "server_vad", silence_duration_ms: 500, create_response: true, interrupt_response: true },
      },
      output: { format: { type: "audio/pcm", rate: 24_000 }, voice: chosen.voice },
    },
  };
}
