// Keeps the keyboard's place. A control that has the focus may vanish, or change into another one, and the browser then
// begins again at the top of the page (WCAG 2.4.3): here the focus goes to the nearest thing around it that is left.

/** Where the focus was, with all that it was in, innermost first. */
let trail: Element[] = [];

/** Where recover() put the focus last. */
let recovered: Element | undefined;

/** What catches the focus in a part of the page: a field that asks for it, else the heading. */
const catcher = (part: Element) => part.querySelector<HTMLElement>("[data-catches-focus]") ?? part.querySelector<HTMLElement>("h1, h2");

export function keepFocus(root: Element): void {
  document.addEventListener("focusin", ({ target }) => {
    trail = [];
    for (let at = target instanceof Element ? target : null; at && root.contains(at); at = at.parentElement) trail.push(at);
  });
  // Who clicks beside everything wants the focus nowhere.
  document.addEventListener("pointerdown", ({ target }) => {
    if (target instanceof Element && !target.closest("a, button, input, textarea, select, summary, label, [tabindex]")) trail = [];
  });
  // A control that has nothing to do stays where it is, and can be asked why.
  document.addEventListener("click", ignoreIdle, true);
  new MutationObserver(recover).observe(root, { childList: true, subtree: true, attributeFilter: ["disabled"] });
}

function recover(): void {
  const [lost, ...around] = trail;
  if (!lost || document.activeElement !== document.body || (lost.isConnected && !lost.matches(":disabled"))) return;
  for (const part of around) {
    const found = part.isConnected && catcher(part);
    if (!found) continue;
    if (!found.matches("input, a, button, [tabindex]")) found.tabIndex = -1;
    recovered = found;
    return found.focus({ preventScroll: true });
  }
}

function ignoreIdle(event: Event): void {
  if (!(event.target instanceof Element) || !event.target.closest('[aria-disabled="true"]')) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

/** Gives the focus to what is the next thing to do, unless the user has it elsewhere. */
export function offerFocus(id: string): void {
  const at = document.activeElement;
  if (at === recovered || (at === document.body && trail.length > 0)) document.getElementById(id)?.focus({ preventScroll: true });
}
