// The API key of this browser tab. It may come in the address as #key=sk-…, which browsers never send to a server.

import { effect, signal } from "@preact/signals";
import { call } from "./api";

const storageName = "switchboard.key";

/** Who a key is. */
export interface Identity {
  name: string;
  role: "app" | "operator" | "admin";
  /** Of the gateway. */
  version?: string;
}

export const apiKey = signal(takeFromAddress() ?? sessionStorage.getItem(storageName) ?? "");

/** Who the tab's key is, once the gateway has told. */
export const identity = signal<Identity | undefined>(undefined);

export function setApiKey(key: string): void {
  apiKey.value = key.trim();
  if (apiKey.value) sessionStorage.setItem(storageName, apiKey.value);
  else sessionStorage.removeItem(storageName);
}

/** Asks the gateway who a key is. Rejects with an ApiProblem: 401 where it is not known. */
export async function identify(key: string): Promise<Identity> {
  const known = await call<Identity>({ method: "GET", path: "/keys/self", key });
  if (apiKey.peek() === key) identity.value = known;
  return known;
}

effect(() => {
  const key = apiKey.value;
  identity.value = undefined;
  if (key) identify(key).catch(() => undefined); // whoever uses the key tells what is wrong with it
});

// Opening the printed address again in the same tab changes only the fragment and loads nothing.
addEventListener("hashchange", () => {
  const key = takeFromAddress();
  if (key) apiKey.value = key;
});

/** Takes the key out of the address, so that it is not copied, shown or kept in the history. */
function takeFromAddress(): string | undefined {
  const key = new URLSearchParams(location.hash.slice(1)).get("key")?.trim();
  if (!key) return undefined;
  sessionStorage.setItem(storageName, key);
  history.replaceState(null, "", location.pathname + location.search);
  return key;
}
