// States of sessions and broadcasts in plain words.

import { count, plural, type Word } from "../shared/words";
import type { Broadcast, Counts, OutcomeStatus, Session, Totals } from "./types";

export function sessionWord(s: Session): Word {
  if (s.status === "ended") return { text: "Ended", tone: "quiet" };
  const trouble = s.states.find((state) => state === "reconnecting" || state === "failing" || state === "waiting");
  if (trouble) return stateWords[trouble];
  const limit = nearLimit(s) ?? (s.states.includes("near_limit") && stateWords.near_limit.text);
  if (limit) return { text: limit, tone: "bad" };
  if (s.responding) return { text: "Answering", tone: "busy" };
  if (s.status === "created") return { text: s.clients ? "Opened" : "Opened, nobody attached", tone: "quiet" };
  return s.clients ? { text: "Live", tone: "good" } : { text: "Live, nobody attached", tone: "busy" };
}

/** What an operator should know of a live session, the worst first. */
export const stateWords: Record<Session["states"][number], Word> = {
  reconnecting: { text: "Reconnecting to OpenAI", tone: "bad" },
  failing: { text: "Answers fail", tone: "bad" },
  waiting: { text: "Waiting for a function result", tone: "busy" },
  near_limit: { text: "Near a limit", tone: "bad" },
  unattended: { text: "No client attached", tone: "busy" },
  answering: { text: "Answering", tone: "good" },
};

/** Past this share of a limit a session is near it. */
const nearShare = 0.9;

/** The list knows nothing of limits, a session's own page does. */
function nearLimit({ limits, usage, created_at }: Session): string | undefined {
  const seconds = (Date.now() - Date.parse(created_at)) / 1000;
  if (limits?.max_seconds && seconds > nearShare * limits.max_seconds) return "Near its longest duration";
  if (limits?.max_tokens && usage.total_tokens > nearShare * limits.max_tokens) return "Near its limit of tokens";
  return undefined;
}

export function broadcastWord(b: Broadcast): Word {
  return b.withdrawn_at ? { text: "Withdrawn", tone: "quiet" } : { text: "In force", tone: "good" };
}

/** In the order in which people want to know. */
export const outcomeWords: Record<OutcomeStatus, Word> = {
  applied: { text: "Applied", tone: "good" },
  deferred: { text: "With the next upstream", tone: "busy" },
  refused: { text: "Refused", tone: "bad" },
  silent: { text: "No answer", tone: "bad" },
  ended: { text: "Ended first", tone: "quiet" },
};

/** Counts as a bar shows them: what arrived or will, and what came to nothing. */
export function progressOf({ matched, outcomes = {} }: Counts): { done: number; failed: number; left: number } {
  const { applied = 0, deferred = 0, refused = 0, silent = 0, ended = 0 } = outcomes;
  const [done, failed] = [applied + deferred, refused + silent + ended];
  return { done, failed, left: Math.max(0, matched - done - failed) };
}

export function sayProgress(counts: Counts): string {
  const { done, failed, left } = progressOf(counts);
  const rest = [failed && `${count(failed)} not`, left && `${count(left)} yet to answer`].filter(Boolean);
  return [`${count(done)} of ${plural(counts.matched, "session")} changed`, ...rest].join(", ");
}

/** Whom a broadcast is for. */
export function audience(labels: Record<string, string> | undefined, sessions: readonly string[] = []): string {
  if (sessions.length) return plural(sessions.length, "chosen session");
  const pairs = Object.entries(labels ?? {}).map(([name, value]) => `${name}:${value}`);
  return pairs.length ? `sessions with ${pairs.join(" and ")}` : "every session";
}

/** A node by its host, as an address tells more than anybody wants to read. */
export function nodeName(node: string): string {
  return URL.canParse(node) ? new URL(node).host : node;
}

/** What the fleet amounts to, whatever is shown of it. */
export function saySessions({ live, clients, unattended, nodes, status }: Totals): string {
  const ended = status.ended ?? 0;
  if (!live) return `None is running, ${plural(ended, "session has", "sessions have")} ended`;
  const parts = [`${plural(live, "session")} with ${plural(clients, "client")} on ${plural(Object.keys(nodes).length, "node")}`];
  if (unattended) parts.push(`${count(unattended)} with nobody attached`);
  if (ended) parts.push(`${count(ended)} ended`);
  return parts.join(", ");
}

/** In US dollars; a session costs cents. */
export function sayCost(cost: number | "unknown"): string {
  return cost === "unknown" ? "cost unknown" : `$${cost.toFixed(cost < 1 ? 4 : 2)}`;
}
