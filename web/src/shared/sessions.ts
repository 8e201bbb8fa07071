// The sessions of the gateway, as the pages use them. All of it rejects with an ApiProblem.

import { call } from "./api";

export interface CreatedSession {
  session_id: string;
  client_secret: { value: string };
  relay_url: string;
  /** The effective API session. */
  session: { model?: string };
}

export function createSession(key: string, config: unknown, labels: Record<string, string>): Promise<CreatedSession> {
  return call({ method: "POST", path: "/realtime/sessions", key, body: { config, labels } });
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
