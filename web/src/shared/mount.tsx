import { type ComponentChild, render } from "preact";
import { keepFocus } from "./focus";

/** Draws a page. */
export function mount(page: ComponentChild): void {
  const root = document.getElementById("app") as HTMLElement;
  render(page, root);
  keepFocus(root);
}
