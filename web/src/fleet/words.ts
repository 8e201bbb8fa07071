// States of sessions and broadcasts in plain words.

import { count, plural, type Word } from "../shared/words";
import type { Broadcast, Counts, OutcomeStatus, Session } from "./types";

export function sessionWord(s: Session): Word {
  if (s.status === "ended") return { text: "Ended", tone: "quiet" };
  if (s.responding) return { text: "Answering", tone: "busy" };
  return s.status === "active" ? { text: "Live", tone: "good" } : { text: "Opened", tone: "quiet" };
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
export function audience(labels: Record<string, string> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([name, value]) => `${name}:${value}`);
  return pairs.length ? `sessions with ${pairs.join(" and ")}` : "every session";
}

/** A node by its host, as an address tells more than anybody wants to read. */
export function nodeName(node: string): string {
  return URL.canParse(node) ? new URL(node).host : node;
}

/** What a page of sessions amounts to. */
export function saySessions(sessions: readonly Session[]): string {
  const live = sessions.filter((s) => s.status !== "ended");
  const clients = live.reduce((sum, s) => sum + s.clients, 0);
  const nodes = new Set(live.map((s) => s.node)).size;
  const ended = sessions.length - live.length;
  if (!live.length) return `None is running, ${plural(ended, "session has", "sessions have")} ended`;
  return `${plural(live.length, "session")} with ${plural(clients, "client")} on ${plural(nodes, "node")}${ended ? `, ${count(ended)} ended` : ""}`;
}
