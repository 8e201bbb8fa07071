// A list that is told page by page, newest first. Which page is shown is in the address.

import { filter, type place, queryOf } from "./route";

type Section = (typeof place.value)["section"];

/** Where in the list of a section one is. */
export class Pages {
  /** By the cursor of a page, that of the one before it. */
  private readonly newerThan = new Map<string, string>();

  constructor(private readonly section: Section) {}

  /** Empty on the newest page. */
  get cursor(): string {
    return queryOf(this.section).get("after") ?? "";
  }

  older(next: string): void {
    this.newerThan.set(next, this.cursor);
    filter(this.section, { after: next });
  }

  /** Who came by an address begins with the newest. */
  newer(): void {
    filter(this.section, { after: this.newerThan.get(this.cursor) });
  }

  newest(): void {
    filter(this.section, { after: undefined });
  }
}

export function Pager({ pages, next, label }: { pages: Pages; next: string | undefined; label: string }) {
  if (!next && !pages.cursor) return null;
  return (
    <nav class="pager" aria-label={label}>
      <button class="button small" type="button" aria-disabled={!pages.cursor} onClick={() => pages.newer()}>
        Newer
      </button>
      <button class="button small" type="button" aria-disabled={!next} onClick={() => next && pages.older(next)}>
        Older
      </button>
    </nav>
  );
}
