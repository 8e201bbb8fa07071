// What the user chooses before a session, remembered by this browser.

import { signal } from "@preact/signals";

export const voices = ["marin", "cedar", "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse"] as const;

/** A function that the model may call, and the result that the page answers with. */
export interface MockedTool {
  name: string;
  description: string;
  /** JSON schema of the arguments, as text; empty for none. */
  parameters: string;
  result: string;
}

export interface Settings {
  voice: string;
  instructions: string;
  /** How answers come, and whether the microphone is opened at all. */
  answers: "audio" | "text";
  /** Empty for the browser's choice. */
  microphone: string;
  /** Empty for the gateway's choice. */
  model: string;
  /** What ends the user's turn: a pause, what was said, or a button. */
  turns: "server_vad" | "semantic_vad" | "button";
  /** Of the voice, 1 for its own. */
  speed: number;
  noise: "none" | "near_field" | "far_field";
  tools: readonly MockedTool[];
}

const storageName = "switchboard.voice";

const defaults: Settings = {
  voice: "marin",
  instructions: "You are a warm, quick-witted companion on the telephone. Answer in two or three short sentences, and ask back when something is unclear.",
  answers: "audio",
  microphone: "",
  model: "",
  turns: "server_vad",
  speed: 1,
  noise: "none",
  tools: [],
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

const turnDetection = {
  server_vad: { type: "server_vad", silence_duration_ms: 500, create_response: true, interrupt_response: true },
  semantic_vad: { type: "semantic_vad", create_response: true, interrupt_response: true },
  button: null,
};

/** The API session that is asked for: a full GA session object. The gateway adds the model that transcribes. */
export function sessionConfig(chosen: Settings) {
  return {
    type: "realtime",
    instructions: chosen.instructions,
    output_modalities: [chosen.answers],
    ...(chosen.model.trim() && { model: chosen.model.trim() }),
    audio: {
      input: {
        format: { type: "audio/pcm", rate: 24_000 },
        turn_detection: turnDetection[chosen.turns],
        ...(chosen.noise !== "none" && { noise_reduction: { type: chosen.noise } }),
      },
      output: { format: { type: "audio/pcm", rate: 24_000 }, voice: chosen.voice, ...(chosen.speed !== 1 && { speed: chosen.speed }) },
    },
    ...(chosen.tools.length > 0 && { tools: chosen.tools.map(toolConfig) }),
  };
}

function toolConfig({ name, description, parameters }: MockedTool) {
  return { type: "function", name, ...(description && { description }), parameters: parameters.trim() ? JSON.parse(parameters) : { type: "object", properties: {} } };
}

/** What is wrong with a tool, by field; undefined if nothing is. The names are those that OpenAI takes. */
export function toolProblem(tool: MockedTool, others: readonly MockedTool[]): string | undefined {
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(tool.name)) return "The name has 1 to 64 letters, digits, _ or -.";
  if (others.some((other) => other.name === tool.name)) return "Another function has this name.";
  try {
    const schema = JSON.parse(tool.parameters.trim() || "{}");
    if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return "The JSON schema of the arguments must be an object.";
  } catch (error) {
    return `The JSON schema of the arguments is no JSON: ${error instanceof Error ? error.message : error}`;
  }
  return undefined;
}

/** What a client token has to allow; undefined for what the gateway gives to browsers. Only a client that answers function calls needs more. */
export function clientPolicy(chosen: Settings) {
  if (chosen.tools.length === 0) return undefined;
  return {
    name: "voice page with functions",
    events: [
      "input_audio_buffer.append",
      "input_audio_buffer.commit",
      "input_audio_buffer.clear",
      "conversation.item.create",
      "conversation.item.truncate",
      "response.create",
      "response.cancel",
    ],
    roles: ["user"],
    outputs: true,
    event_bytes: 1 << 20,
    events_per_second: 200,
    bytes_per_second: 512 << 10,
  };
}
