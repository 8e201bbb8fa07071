// Keys that work anywhere on the page but where text is typed or a control uses them itself.

import { signal } from "@preact/signals";
import type { Call } from "./call";

/** Single-key shortcuts can be turned off, as WCAG 2.1.4 asks for; Escape always works. */
export const singleKeys = signal(localStorage.getItem("switchboard.shortcuts") !== "off");

export function setSingleKeys(on: boolean): void {
  singleKeys.value = on;
  localStorage.setItem("switchboard.shortcuts", on ? "on" : "off");
}

export function listenForShortcuts(call: Call): void {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape") return void call.talk.interrupt();
    if (!singleKeys.value || takesText(event.target)) return;
    if (event.key === "m" || event.key === "M") call.talk.sound.setMuted(!call.talk.sound.muted.value);
    else if (event.key === "/") document.getElementById("say")?.focus();
    else return;
    event.preventDefault();
  });
}

function takesText(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]") !== null;
}
