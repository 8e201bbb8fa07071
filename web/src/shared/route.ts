// Where in a page of sections the user is, kept in the address: #/batches/batch_1.

import { type Signal, signal } from "@preact/signals";

interface Place<S extends string> {
  section: S;
  /** Of what is looked at; empty for the list. */
  id: string;
}

export interface Route<S extends string> {
  /** The first is where a page begins. */
  readonly sections: readonly { id: S; name: string }[];
  readonly place: Signal<Place<S>>;
  addressOf(section: S, id?: string): string;
  /** The way from here to what an answer will name. It is not taken by a user who is elsewhere when the answer comes. */
  fromHere(): (section: S, id: string) => void;
}

export function createRoute<S extends string>(sections: Route<S>["sections"]): Route<S> {
  const parse = (hash: string): Place<S> => {
    const [, name = "", id = ""] = hash.replace(/^#/, "").split("/");
    return { section: sections.find((s) => s.id === name)?.id ?? (sections[0]?.id as S), id: decodeText(id) };
  };
  const addressOf = (section: S, id = "") => `#/${section}${id && `/${encodeURIComponent(id)}`}`;
  const place = signal(parse(location.hash));
  const fromHere = () => {
    const here = place.peek();
    return (section: S, id: string) => {
      if (place.peek() === here) location.hash = addressOf(section, id);
    };
  };
  // Links within the page (#new) lead nowhere else.
  addEventListener("hashchange", () => {
    if (location.hash.startsWith("#/") || !location.hash) place.value = parse(location.hash);
  });
  return { sections, place, addressOf, fromHere };
}

function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
