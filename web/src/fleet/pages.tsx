// A list that is told page by page, newest first.

import { effect, signal } from "@preact/signals";
import { apiKey } from "../shared/key";

/** Where in the list one is. */
export class Pages {
  /** The cursors of the pages behind the newest; the last is of the one that is shown. */
  private readonly cursors = signal<readonly string[]>([]);

  constructor() {
    effect(() => void (apiKey.value && this.newest())); // another key sees another list
  }

  /** Empty on the newest page. */
  get cursor(): string {
    return this.cursors.value.at(-1) ?? "";
  }

  older(next: string): void {
    this.cursors.value = [...this.cursors.value, next];
  }

  newer(): void {
    this.cursors.value = this.cursors.value.slice(0, -1);
  }

  newest(): void {
    this.cursors.value = [];
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
