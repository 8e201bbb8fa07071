// Problems, numbers and times in plain words.

import { ApiProblem } from "./api";

export type Tone = "quiet" | "busy" | "good" | "bad";

/** A state, as people call it. */
export interface Word {
  text: string;
  tone: Tone;
}

export interface Notice {
  tone: "error" | "warning";
  title: string;
  advice: string;
  key?: boolean;
}

/** A request that was refused; `what` says what the user wanted. */
export function explain(problem: unknown, what: string): Notice {
  if (!(problem instanceof ApiProblem)) return { tone: "error", title: what, advice: String(problem) };
  const fields = problem.fields.map(({ location, message }) => `${location}: ${message}`).join("; ");
  const said = sentence(fields || problem.message);
  switch (problem.status) {
    case 0:
      return { tone: "error", title: "The gateway does not answer", advice: "It may be stopped, or you may be offline. The page goes on when it is back." };
    case 401:
      return { tone: "error", title: "This API key is not accepted", advice: "Paste it again in full. In the demo it is printed in the terminal, and starts with sk-.", key: true };
    case 403:
      return { tone: "error", title: "This key may not do that", advice: "Use a key with the role operator, or admin for deliveries.", key: true };
    case 404:
      return { tone: "error", title: what, advice: "It is not known any more." };
    case 409:
      return { tone: "warning", title: what, advice: said };
    case 413: // only files are that large
      return { tone: "error", title: what, advice: "The file is larger than 200 MB. Split it." };
    case 502:
    case 503:
    case 504:
      return { tone: "error", title: what, advice: `${said} Try again in a moment.` };
    default:
      return { tone: "error", title: what, advice: said };
  }
}

/** With a capital and a full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return first === "" || /[.!?]$/.test(first) ? first : `${first}.`;
}

/** 12,345 */
export const count = (n: number) => n.toLocaleString("en");

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.round((seconds % 3_600) / 60)} min`;
}

/** "a minute ago" */
export function timeAgo(at: number): string {
  const minutes = Math.round((Date.now() - at) / 60_000);
  if (minutes < 1) return "a moment ago";
  if (minutes < 60) return minutes === 1 ? "a minute ago" : `${minutes} minutes ago`;
  return "more than an hour ago";
}
