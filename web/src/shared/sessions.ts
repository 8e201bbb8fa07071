// The sessions of the gateway, as the pages use them. All of it rejects with an ApiProblem.

import type { StoredItem } from "../realtime/events";
import type { ClientSecret, CreateBody, Created, SessionView } from "../schema";
import { call } from "./api";

/** With what the pages read of the API session, whose fields are OpenAI's. */
export type CreatedSession = Pick<Created, "session_id" | "relay_url"> & { client_secret: Pick<ClientSecret, "value">; session: { model?: string } };

export function createSession(key: string, session: CreateBody): Promise<CreatedSession> {
  return call({ method: "POST", path: "/realtime/sessions", key, body: session });
}

export function readSession(key: string, id: string): Promise<SessionView> {
  return call({ method: "GET", path: address(id), key });
}

/** The whole conversation, as the gateway keeps it. */
export async function readItems(key: string, id: string): Promise<StoredItem[]> {
  const { items } = await call<{ items: StoredItem[] }>({ method: "GET", path: `${address(id)}/items`, key });
  return items;
}

/** Another client token: they are short-lived. */
export async function newClientToken(key: string, id: string, policy?: unknown): Promise<string> {
  const secret = await call<ClientSecret>({ method: "POST", path: `${address(id)}/client-secret`, key, ...(policy !== undefined && { body: { policy } }) });
  return secret.value;
}

/** The caller hangs up. The request outlives the page. */
export function endSession(key: string, id: string): Promise<unknown> {
  return call({ method: "DELETE", path: `${address(id)}?by=client`, key, keepalive: true });
}

function address(id: string): string {
  return `/realtime/sessions/${encodeURIComponent(id)}`;
}
