// The sessions of the gateway, as the pages use them. All of it rejects with an ApiProblem.

import type { StoredItem } from "../realtime/events";
import { call } from "./api";

export interface CreatedSession {
  session_id: string;
  client_secret: { value: string };
  relay_url: string;
  /** The effective API session. */
  session: { model?: string };
}

/** What the pages read of a session; /docs of a gateway has every field. */
export interface SessionState {
  status: "created" | "active" | "ended";
  reason?: string;
}

interface NewSession {
  config: unknown;
  labels: Record<string, string>;
  limits: { idle_seconds?: number };
}

export function createSession(key: string, session: NewSession): Promise<CreatedSession> {
  return call({ method: "POST", path: "/realtime/sessions", key, body: session });
}

export function readSession(key: string, id: string): Promise<SessionState> {
  return call({ method: "GET", path: address(id), key });
}

/** The whole conversation, as the gateway keeps it. */
export async function readItems(key: string, id: string): Promise<StoredItem[]> {
  const { items } = await call<{ items: StoredItem[] }>({ method: "GET", path: `${address(id)}/items`, key });
  return items;
}

/** Another client token: they are short-lived. */
export async function newClientToken(key: string, id: string): Promise<string> {
  const secret = await call<{ value: string }>({ method: "POST", path: `${address(id)}/client-secret`, key });
  return secret.value;
}

/** The caller hangs up. The request outlives the page. */
export function endSession(key: string, id: string): Promise<unknown> {
  return call({ method: "DELETE", path: `${address(id)}?by=client`, key, keepalive: true });
}

function address(id: string): string {
  return `/realtime/sessions/${encodeURIComponent(id)}`;
}
