// What goes wrong, in plain words, and what to do about it.

import type { ErrorDetails, ResponseObject } from "../realtime/events";
import { type RelayEnd, unreachable } from "../realtime/relay";
import { ApiProblem } from "../shared/api";
import { sentence } from "../shared/words";

export interface Notice {
  /** error: it ended or did not start; warning: it goes on, but something is amiss. */
  tone: "error" | "warning";
  title: string;
  advice: string;
  action?: "key" | "retry" | "text";
}

export const tooSlow: Notice = {
  tone: "warning",
  title: "Your connection is too slow",
  advice: "Parts of what you said could not be sent. A better network, or typing, helps.",
};

export const microphoneGone: Notice = {
  tone: "warning",
  title: "The microphone is gone",
  advice: "It was unplugged or its permission withdrawn. You can go on by typing, or end and start again.",
};

export const tooMuchTyped: Notice = {
  tone: "warning",
  title: "Too much waits to be sent",
  advice: "There is no connection at the moment. Go on when it is back.",
};

/** A session that could not be created. */
export function explainProblem(problem: unknown): Notice {
  if (!(problem instanceof ApiProblem)) {
    return { tone: "error", title: "The page could not start the session", advice: String(problem), action: "retry" };
  }
  const said = problem.message;
  switch (problem.status) {
    case 0:
      return { tone: "error", title: "The gateway does not answer", advice: "It may be stopped, or you may be offline. Check that it runs, then try again.", action: "retry" };
    case 401:
      return {
        tone: "error",
        title: "This API key is not accepted",
        advice: "Paste it again in full. In the demo it is printed in the terminal, and starts with sk-.",
        action: "key",
      };
    case 403:
      return { tone: "error", title: "This API key may not open sessions", advice: "Use a key with the role app, operator or admin.", action: "key" };
    case 400:
    case 422:
      return { tone: "error", title: "These settings were refused", advice: said };
    case 429:
      return { tone: "error", title: "Too many sessions for this key", advice: `${sentence(said)} End another one, or wait a moment.`, action: "retry" };
    case 502:
    case 504:
      return { tone: "error", title: "The voice model could not be reached", advice: sentence(said), action: "retry" };
    case 503:
      return { tone: "error", title: "The gateway takes no sessions at the moment", advice: `${sentence(said)} Try again in a moment.`, action: "retry" };
    default:
      return { tone: "error", title: "The gateway could not open the session", advice: `${sentence(said)} (status ${problem.status})`, action: "retry" };
  }
}

/** A microphone that could not be opened. */
export function explainMicrophone(error: unknown): Notice {
  const name = error instanceof DOMException ? error.name : "";
  if (!globalThis.isSecureContext) {
    return { tone: "error", title: "No microphone without a secure address", advice: "Browsers allow it only over https or on localhost. You can still type.", action: "text" };
  }
  switch (name) {
    case "NotAllowedError":
      return {
        tone: "error",
        title: "The microphone is blocked",
        advice: "Allow it for this page, with the icon beside the address, and start again. Or go on by typing.",
        action: "text",
      };
    case "NotFoundError":
    case "OverconstrainedError":
      return { tone: "error", title: "No microphone was found", advice: "Connect one, or choose another, and start again. Or go on by typing.", action: "text" };
    case "NotReadableError":
      return { tone: "error", title: "The microphone is in use", advice: "Another program holds it. Close that program and start again, or go on by typing.", action: "text" };
    default:
      return {
        tone: "error",
        title: "The microphone could not be opened",
        advice: `${sentence(error instanceof Error ? error.message : String(error))} You can still type.`,
        action: "text",
      };
  }
}

/** Limits of the gateway, as the close reason names them, in plain words. */
const limits: [RegExp, string][] = [
  [/limit max_seconds/, "It lasted as long as the gateway allows."],
  [/limit idle_seconds/, "Nobody had spoken or typed for a while."],
  [/limit max_tokens/, "It used as much of the voice model as the gateway allows for one session."],
  [/limit key_/, "The API key has used up what it is allowed."],
];

/** A connection that is over for good though the user did not end it. */
export function explainEnd(end: RelayEnd): Notice {
  if (end.code === unreachable) {
    return {
      tone: "error",
      title: "The connection could not be restored",
      advice: "The gateway did not answer for about a minute. Check your network, then start a new session.",
      action: "retry",
    };
  }
  // The gateway's words for the caller: who ended it.
  if (end.code === 1000 && /ended the call/.test(end.reason)) return { tone: "warning", title: end.reason, advice: "Start a new session whenever you like.", action: "retry" };
  const limit = limits.find(([pattern]) => pattern.test(end.reason));
  const advice = limit?.[1] ?? (end.reason ? `Reason: ${end.reason}.` : `The gateway closed it with code ${end.code}.`);
  return { tone: end.code === 1000 || limit ? "warning" : "error", title: "The session was ended", advice, action: "retry" };
}

/** Races that happen in any conversation and mean nothing to the user. */
const benign = new Set(["response_cancel_not_active", "input_audio_buffer_commit_empty", "conversation_already_has_active_response", "item_truncate_invalid"]);

/** An error event; undefined where there is nothing to tell. Its session goes on unless the connection closes. */
export function explainError(error: ErrorDetails): Notice | undefined {
  const code = error.code ?? "";
  if (benign.has(code) || error.event_id?.startsWith("truncate_")) return undefined;
  switch (code) {
    case "session_expired":
      return { tone: "warning", title: "The session reached its longest duration", advice: "Start a new one to go on." };
    case "insufficient_quota":
    case "billing_hard_limit_reached":
      return { tone: "error", title: "The account of the voice model has no credit left", advice: "Its owner has to add credit before anybody can speak again." };
    case "rate_limit_exceeded":
      return { tone: "warning", title: "Too much at once", advice: "The voice model limits how much may be said per minute. Wait a moment and say it again." };
    case "invalid_api_key":
      return { tone: "error", title: "The voice model does not accept the gateway's key", advice: "Whoever runs the gateway has to correct OPENAI_API_KEY." };
    case "event_not_allowed":
      return { tone: "warning", title: "The gateway does not allow that from a browser", advice: sentence(error.message ?? "") };
    default:
      return { tone: "warning", title: "The voice model reported a problem", advice: sentence(error.message || code || "It gave no reason.") };
  }
}

/** A remark for the transcript about an answer that did not come to its end by itself. */
export function explainResponse(response: ResponseObject): string | undefined {
  const details = response.status_details;
  if (response.status === "failed") {
    const notice = details?.error && explainError(details.error);
    return notice ? `No answer: ${notice.title.toLowerCase()}. ${notice.advice}` : "No answer: the voice model failed. Say it again.";
  }
  if (response.status !== "incomplete") return undefined;
  if (details?.reason === "max_output_tokens") return "The answer reached its longest length and stops here.";
  if (details?.reason === "content_filter") return "The rest of the answer was withheld by the content filter.";
  return "The answer is incomplete.";
}
