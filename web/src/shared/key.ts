// The API key of this browser tab. It may come in the address as #key=sk-…, which browsers never send to a server.

import { signal } from "@preact/signals";

const storageName = "switchboard.key";

export const apiKey = signal(takeFromAddress() ?? sessionStorage.getItem(storageName) ?? "");

export function setApiKey(key: string): void {
  apiKey.value = key.trim();
  if (apiKey.value) sessionStorage.setItem(storageName, apiKey.value);
  else sessionStorage.removeItem(storageName);
}

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
