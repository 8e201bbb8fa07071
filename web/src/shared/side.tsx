import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";

/** Whether there is room for the side beside the stage; as in the style sheets. */
const room = matchMedia("(min-width: 56rem)");
const wide = signal(room.matches);
room.addEventListener("change", () => (wide.value = room.matches));

/** A form at the left of the stage; where there is no room for it, it comes first and is folded. `fold` names it there. */
export function Folded({ fold, children }: { fold: string; children: ComponentChildren }) {
  return (
    <details class="side-fold" open={wide.value}>
      <summary class="side-summary">{fold}</summary>
      {children}
    </details>
  );
}
