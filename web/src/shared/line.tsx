// A conversation as it is read.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { type Entry, heardText } from "../realtime/conversation";
import { FunctionIcon } from "./icons";

/** Distance from the end, in pixels, within which a conversation is followed. */
const followDistance = 80;

/** Scrolls with what is added at its end, unless the reader has scrolled away from it. */
export function Following({ entries, label, children, ...box }: { class: string; entries: unknown; label: string; children: ComponentChildren }) {
  const element = useRef<HTMLElement>(null);
  const following = useRef(true);
  useLayoutEffect(() => {
    if (following.current && element.current) element.current.scrollTop = element.current.scrollHeight;
  }, [entries]);
  const scrolled = () => {
    const el = element.current;
    if (el) following.current = el.scrollHeight - el.scrollTop - el.clientHeight < followDistance;
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable by keyboard
    <section {...box} ref={element} onScroll={scrolled} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}

export const speakers = { user: "You", assistant: "Assistant", system: "Operator", call: "Function", note: "Note" };

/** One entry of a conversation; `user` is what the user is called. */
export function Line({ entry, user = speakers.user }: { entry: Entry; user?: string }) {
  // Entries never change, they are replaced: twenty times a second the one that is being heard.
  return useMemo(
    () => (
      <li class="line" data-role={entry.role} data-state={entry.state} data-item={entry.id}>
        <span class="speaker">{entry.role === "user" ? user : speakers[entry.role]}</span>
        {entry.role === "call" ? <FunctionCall entry={entry} /> : <Said entry={entry} />}
      </li>
    ),
    [entry, user],
  );
}

function Said({ entry }: { entry: Entry }) {
  const { heard, rest } = heardText(entry);
  if (heard === "" && rest === "") return <p class="said pending">{pendingText(entry)}</p>;
  return (
    <p class="said">
      {heard}
      {entry.state === "cut" && <CutMark entry={entry} />}
      {rest && " "}
      {rest && <span class="unheard">{rest.trimStart()}</span>}
      {entry.state === "partial" && entry.heard === undefined && <span class="caret" aria-hidden="true" />}
    </p>
  );
}

function CutMark({ entry }: { entry: Entry }) {
  const when = entry.cutMs === undefined ? "" : ` at ${(entry.cutMs / 1000).toFixed(1)} s`;
  return <span class="cut">{` interrupted${when}`}</span>;
}

function pendingText(entry: Entry): string {
  switch (entry.state) {
    case "listening":
      return "Speaking…";
    case "waiting":
      return "Transcribing…";
    case "failed":
      return "Not transcribed";
    case "cut":
      return "Interrupted before it was heard";
    default:
      return entry.role === "user" ? "No words were understood" : "…";
  }
}

function FunctionCall({ entry }: { entry: Entry }) {
  const { name = "", arguments: args = "", output } = entry.call ?? {};
  return (
    <div class="call">
      <FunctionIcon />
      <code class="call-name">{name}</code>
      <code class="call-text">{args}</code>
      {output === undefined ? <span class="call-result">waiting for the result</span> : <code class="call-result">→ {output}</code>}
    </div>
  );
}
