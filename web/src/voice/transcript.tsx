import { useSignalEffect } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { type Entry, heardText } from "../realtime/conversation";
import { FunctionIcon } from "../shared/icons";
import { apiKey } from "../shared/key";
import type { Call } from "./call";
import { settings } from "./settings";

/** Distance from the end, in pixels, within which the transcript keeps following the conversation. */
const followDistance = 80;

export function Transcript({ call }: { call: Call }) {
  const box = useRef<HTMLElement>(null);
  const following = useRef(true);
  const entries = call.conversation.entries.value;
  useLayoutEffect(() => {
    if (following.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [entries]);
  const scrolled = () => {
    const el = box.current;
    if (el) following.current = el.scrollHeight - el.scrollTop - el.clientHeight < followDistance;
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable by keyboard
    <section class="transcript" ref={box} onScroll={scrolled} aria-label="Transcript" tabIndex={0}>
      {entries.length === 0 ? (
        <Empty call={call} />
      ) : (
        <ol class="lines">
          {entries.map((entry) => (
            <Line key={entry.id} entry={entry} />
          ))}
        </ol>
      )}
    </section>
  );
}

const names = { user: "You", assistant: "Assistant", system: "Operator", call: "Function", note: "Note" };

function Line({ entry }: { entry: Entry }) {
  // Entries never change, they are replaced: twenty times a second the one that is being heard.
  return useMemo(
    () => (
      <li class="line" data-role={entry.role} data-state={entry.state} data-item={entry.id}>
        <span class="speaker">{names[entry.role]}</span>
        {entry.role === "call" ? <FunctionCall entry={entry} /> : <Said entry={entry} />}
      </li>
    ),
    [entry],
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

function Empty({ call }: { call: Call }) {
  const spoken = settings.value.answers === "audio";
  switch (call.phase.value) {
    case "live":
      return (
        <div class="empty">
          <p class="display">The line is open.</p>
          <p class="lead">
            {spoken ? "Say hello, or type below. You can talk over an answer at any time: it stops and listens." : "Type below. A new message interrupts an answer."}
          </p>
        </div>
      );
    case "starting":
      return (
        <div class="empty">
          <p class="display">Connecting…</p>
          <p class="lead">{spoken ? "Your browser may ask whether this page may use the microphone." : "The gateway is opening a session."}</p>
        </div>
      );
    case "ended":
      return (
        <div class="empty">
          <p class="display">The line is closed.</p>
          <p class="lead">Nothing was said. Start another session whenever you like.</p>
        </div>
      );
    default:
      return (
        <div class="empty">
          <p class="display">Talk to the model as you would on the telephone.</p>
          <p class="lead">
            {apiKey.value ? "Choose a voice, then start. Interrupt whenever you like; what you really heard is what it remembers." : "Enter an API key, choose a voice, and speak."}
          </p>
        </div>
      );
  }
}

/**
 * Tells a screen reader of the line and of finished turns, not of every partial word, nor of who
 * speaks: that is heard, and a screen reader's voice would be heard by the microphone.
 */
export function Announcer({ call }: { call: Call }) {
  const region = useRef<HTMLDivElement>(null);
  const told = useRef(new Set<string>());
  const announce = (text: string) => {
    if (region.current) region.current.textContent = text;
  };
  useSignalEffect(() => {
    if (call.phase.value === "live") announce("The line is open.");
    if (call.phase.value === "ended") announce("The session has ended.");
  });
  useSignalEffect(() => {
    const entries = call.conversation.entries.value;
    if (entries.length === 0) told.current.clear();
    const news = entries.filter((e) => finished(e) && !told.current.has(e.id));
    for (const entry of news) told.current.add(entry.id);
    const last = news.at(-1);
    if (last) announce(`${names[last.role]}: ${last.call ? last.call.name : last.parts.join(" ")}`);
  });
  return <div class="visually-hidden" ref={region} aria-live="polite" />;
}

/** Spoken answers are heard already; only what is silent on the page is read out. */
function finished(entry: Entry): boolean {
  return entry.state === "done" && entry.heard === undefined && (entry.call !== undefined || entry.parts.some((p) => p !== ""));
}
