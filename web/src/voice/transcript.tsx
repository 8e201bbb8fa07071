import { useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Entry } from "../realtime/conversation";
import { apiKey } from "../shared/key";
import { Dropped, Following, Line, speakers } from "../shared/line";
import { SaveConversation } from "../shared/save-conversation";
import { readItems } from "../shared/sessions";
import type { Call } from "./call";
import { settings } from "./settings";

export function Transcript({ call }: { call: Call }) {
  const entries = call.talk.conversation.entries.value;
  return (
    <Following class="transcript" entries={entries} label="Transcript">
      {entries.length === 0 ? (
        <Empty call={call} />
      ) : (
        <>
          <Dropped n={call.talk.conversation.dropped.value}>
            <SaveConversation name={call.sessionId.value} read={() => readItems(apiKey.value, call.sessionId.value)} user={speakers.user} />
          </Dropped>
          <ol class="lines">
            {entries.map((entry) => (
              <Line key={entry.id} entry={entry} />
            ))}
          </ol>
        </>
      )}
    </Following>
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
          <p class="lead">No turn came to its end. Start another session whenever you like.</p>
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
    const entries = call.talk.conversation.entries.value;
    if (entries.length === 0) told.current.clear();
    const news = entries.filter((e) => finished(e) && !told.current.has(e.id));
    for (const entry of news) told.current.add(entry.id);
    const last = news.at(-1);
    if (last) announce(`${speakers[last.role]}: ${last.call ? last.call.name : last.parts.join(" ")}`);
  });
  return <div class="visually-hidden" ref={region} aria-live="polite" />;
}

/** Spoken answers are heard already; only what is silent on the page is read out. */
function finished(entry: Entry): boolean {
  return entry.state === "done" && entry.heard === undefined && (entry.call !== undefined || entry.parts.some((p) => p !== ""));
}
