// The moments of a session's timeline in plain words, and where they are drawn.

import type { Moment } from "../schema";
import type { Tone } from "../shared/words";

/** What is drawn on one line. */
export const lanes = [
  { name: "Caller", kinds: ["speech"] },
  { name: "Answers", kinds: ["response"] },
  { name: "Functions", kinds: ["tool"] },
  { name: "Connection", kinds: ["renewal", "handover", "resume", "client"] },
  { name: "Operators", kinds: ["operator"] },
  { name: "Errors, end", kinds: ["error", "end"] },
] as const satisfies readonly { name: string; kinds: readonly Moment["kind"][] }[];

export function laneOf({ kind }: Moment): number {
  return lanes.findIndex(({ kinds }) => (kinds as readonly string[]).includes(kind));
}

const answers: Record<string, string> = { in_progress: "Answering", completed: "Answered", cancelled: "Answer stopped", incomplete: "Answer cut short", failed: "Answer failed" };
const clients: Record<string, string> = { attached: "A client attached", left: "A client left", resumed: "A client resumed", reset: "A client was reset" };
const commands: Record<string, string> = {
  update: "changed the session",
  message: "said something",
  whisper: "whispered to the model",
  note: "wrote a note",
  function_result: "answered a function call",
  cancel: "stopped the answer",
  commit: "committed the audio",
  clear: "cleared the audio",
  renew: "had the upstream replaced",
  broadcast: "changed the instructions by a broadcast",
  withdraw: "withdrew a broadcast",
};

export function sayMoment({ kind, text, by, open }: Moment): string {
  switch (kind) {
    case "speech":
      return open ? "The caller is speaking" : "The caller spoke";
    case "response":
      return answers[text] ?? `Answer: ${text}`;
    case "tool":
      return open ? `Waiting for ${text}` : `Function ${text}`;
    case "renewal":
      return `Upstream replaced: ${text.replaceAll("_", " ")}`;
    case "handover":
      return "Moved to another node";
    case "resume":
    case "client":
      return clients[text] ?? text;
    case "operator":
      return `${by} ${commands[text] ?? text}`;
    case "error":
      return `Error: ${text}`;
    case "end":
      return `Ended: ${text}`;
  }
}

export function toneOf({ kind, text, open }: Moment): Tone {
  if (kind === "error" || (kind === "response" && text === "failed")) return "bad";
  if (open || (kind === "response" && text !== "completed")) return "busy";
  return kind === "speech" || kind === "operator" ? "busy" : "good";
}

/** 1:02:03.4, or 2:03.4 */
export function clock(ms: number): string {
  const tenths = Math.floor(ms / 100);
  const [hours, minutes, seconds] = [Math.floor(tenths / 36_000), Math.floor(tenths / 600) % 60, (tenths % 600) / 10];
  const rest = seconds.toFixed(1).padStart(4, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** The last moment that began not after `ms`; -1: all are later. */
export function indexAt(moments: readonly Moment[], ms: number): number {
  let [low, high] = [0, moments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((moments[middle] as Moment).offset_ms <= ms) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
