// Where in a page of sections the user is, kept in the address: #/batches/batch_1, or #/sessions?status=ended.

import { effect, type Signal, signal } from "@preact/signals";
import { apiKey } from "./key";

interface Place<S extends string> {
  section: S;
  /** Of what is looked at; empty for the list. */
  id: string;
  /** How the list is filtered, and which page of it is shown; or which part of one thing. */
  query: string;
}

/** Changes of a list's query: undefined takes a parameter out. */
type Changes = Record<string, string | readonly string[] | undefined>;

export interface Route<S extends string> {
  /** The first is where a page begins. */
  readonly sections: readonly { id: S; name: string }[];
  readonly place: Signal<Place<S>>;
  /** Of a list, as it was filtered last. */
  addressOf(section: S, id?: string): string;
  /** How a section's list is filtered. */
  queryOf(section: S): URLSearchParams;
  filter(section: S, changes: Changes): void;
  /** Which part of the one thing that is looked at is shown. */
  partOf(): URLSearchParams;
  showPart(changes: Changes): void;
  /** The way from here to what an answer will name. It is not taken by a user who is elsewhere when the answer comes. */
  fromHere(): (section: S, id: string) => void;
}

export function createRoute<S extends string>(sections: Route<S>["sections"]): Route<S> {
  const parse = (hash: string): Place<S> => {
    const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
    const [, name = "", id = ""] = path.split("/");
    return { section: sections.find((s) => s.id === name)?.id ?? (sections[0]?.id as S), id: decodeText(id), query };
  };
  const place = signal(parse(location.hash));
  const lists = new Map<S, string>();
  const remember = () => {
    const { section, id, query } = place.peek();
    if (!id) lists.set(section, query);
  };
  remember();
  const listQuery = (section: S) => (place.value.section === section && !place.value.id ? place.value.query : (lists.get(section) ?? ""));
  const listAddress = (section: S, query: string) => `#/${section}${query && `?${query}`}`;
  const addressOf = (section: S, id = "") => (id ? `#/${section}/${encodeURIComponent(id)}` : listAddress(section, listQuery(section)));
  const filter = (section: S, changes: Changes) => {
    const query = changed(listQuery(section), changes);
    lists.set(section, query);
    if (place.peek().section === section && !place.peek().id) location.hash = listAddress(section, query);
  };
  const showPart = (changes: Changes) => {
    const { section, id, query } = place.peek();
    const part = changed(query, changes);
    if (id) location.hash = `${addressOf(section, id)}${part && `?${part}`}`;
  };
  const fromHere = () => {
    const here = place.peek();
    return (section: S, id: string) => {
      if (place.peek() === here) location.hash = addressOf(section, id);
    };
  };
  // Links within the page (#new) lead nowhere else.
  addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#/") && location.hash) return;
    place.value = parse(location.hash);
    remember();
  });
  forgetWithKey(() => {
    lists.clear();
    const { section, id } = place.peek();
    if (!id) location.hash = listAddress(section, "");
  });
  return {
    sections,
    place,
    addressOf,
    queryOf: (section) => new URLSearchParams(listQuery(section)),
    filter,
    partOf: () => new URLSearchParams(place.value.id && place.value.query),
    showPart,
    fromHere,
  };
}

/** A query with some parameters changed. */
function changed(query: string, changes: Changes): string {
  const all = new URLSearchParams(query);
  for (const [name, values] of Object.entries(changes)) {
    all.delete(name);
    for (const value of [values ?? []].flat()) if (value) all.append(name, value);
  }
  return all.toString();
}

/** Another key sees other lists. */
function forgetWithKey(forget: () => void): void {
  let before = apiKey.peek();
  effect(() => {
    const key = apiKey.value;
    if (before && key !== before) forget();
    before = key;
  });
}

function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
