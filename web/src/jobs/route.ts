// Where in the page the user is, kept in the address: #/batches/batch_1.

import { signal } from "@preact/signals";

export const sections = [
  { id: "batches", name: "Batches" },
  { id: "tuning", name: "Fine-tuning" },
  { id: "inbox", name: "Inbox" },
  { id: "deliveries", name: "Deliveries" },
] as const;

export type Section = (typeof sections)[number]["id"];

export interface Place {
  section: Section;
  /** Of what is looked at; empty for the list. */
  id: string;
}

export function parsePlace(hash: string): Place {
  const [, name = "", id = ""] = hash.replace(/^#/, "").split("/");
  const section = sections.find((s) => s.id === name)?.id ?? "batches";
  return { section, id: decodeText(id) };
}

function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

export function addressOf(section: Section, id = ""): string {
  return `#/${section}${id && `/${encodeURIComponent(id)}`}`;
}

export const place = signal(parsePlace(location.hash));

// Links within the page (#new) lead nowhere else.
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#/") || !location.hash) place.value = parsePlace(location.hash);
});

export function goTo(section: Section, id = ""): void {
  location.hash = addressOf(section, id);
}
