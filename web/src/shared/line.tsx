// A conversation as it is read.

import { Component, type ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Entry, heardText } from "../realtime/conversation";
import { FunctionCall } from "./function-call";
import { DownIcon } from "./icons";

/** Distance from the end, in pixels, within which a conversation is followed. */
const followDistance = 80;

/** Scrolls with what is added at its end, unless the reader has scrolled away from it: then a button leads back. */
export function Following({ entries, label, children, ...box }: { class: string; entries: readonly unknown[]; label: string; children: ComponentChildren }) {
  const element = useRef<HTMLElement>(null);
  const [away, setAway] = useState(false);
  const top = useRef(0); // where it was scrolled to last
  const [seen, setSeen] = useState<unknown>(undefined); // the last entry when the reader scrolled away
  useLayoutEffect(() => {
    const el = element.current;
    if (away || !el) return;
    el.scrollTop = el.scrollHeight;
    top.current = el.scrollTop;
  }, [entries, away]);
  const scrolled = () => {
    const el = element.current;
    if (!el) return;
    const gone = el.scrollHeight - el.scrollTop - el.clientHeight >= followDistance;
    if (gone && !away && el.scrollTop >= top.current) return; // it grew; the reader did not move
    top.current = el.scrollTop;
    if (gone && !away) setSeen(entries.at(-1));
    setAway(gone);
  };
  const follow = () => {
    setAway(false);
    element.current?.focus({ preventScroll: true });
  };
  return (
    <div class="following">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable by keyboard */}
      <section {...box} ref={element} onScroll={scrolled} aria-label={label} tabIndex={0}>
        {children}
      </section>
      {away && (
        <button class="button small to-end" type="button" data-testid="to-end" onClick={follow}>
          <DownIcon />
          {entries.at(-1) === seen ? "To the end" : "New below"}
        </button>
      )}
    </div>
  );
}

export const speakers = { user: "You", assistant: "Assistant", system: "Operator", call: "Function", note: "Note" };

interface LineProps {
  entry: Entry;
  /** What the user is called. */
  user?: string;
  /** Whether it tells when it began, and how long it was waited for. */
  timed?: boolean;
  /** Whether it is what the reader looks for. */
  found?: boolean;
}

/**
 * One entry of a conversation. Entries never change, they are replaced: twenty times a second the one that is being
 * heard. The others are skipped here and not by a kept vnode, which would keep the list of the render that made it.
 */
export class Line extends Component<LineProps> {
  override shouldComponentUpdate(next: LineProps): boolean {
    return next.entry !== this.props.entry || next.user !== this.props.user || next.found !== this.props.found;
  }

  override render({ entry, user = speakers.user, timed, found }: LineProps) {
    return (
      <li class="line" data-role={entry.role} data-state={entry.state} data-item={entry.id} data-private={entry.private} data-found={found || undefined}>
        <span class="speaker">{entry.private ? "Whisper" : entry.role === "user" ? user : speakers[entry.role]}</span>
        {entry.call ? <FunctionCall call={entry.call} /> : <Said entry={entry} />}
        {timed && <When entry={entry} />}
      </li>
    );
  }
}

/** Says that the oldest lines are not shown, and where they are. */
export function Dropped({ n, children }: { n: number; children: ComponentChildren }) {
  if (n === 0) return null;
  return (
    <div class="dropped" data-testid="dropped">
      <p class="help small">{n === 1 ? "One older line is" : `${n.toLocaleString("en")} older lines are`} not shown.</p>
      {children}
    </div>
  );
}

function When({ entry: { at, latencyMs, private: hidden } }: { entry: Entry }) {
  if (at === undefined) return null;
  const time = new Date(at);
  return (
    <p class="when">
      <time dateTime={time.toISOString()} title={time.toLocaleString()}>
        {time.toLocaleTimeString()}
      </time>
      {latencyMs !== undefined && <span data-testid="latency"> · after {(latencyMs / 1000).toFixed(2)} s</span>}
      {hidden && " · the caller never sees this"}
    </p>
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
      {entry.state === "queued" && <span class="cut unsent"> sent when the connection is back</span>}
      {entry.state === "unsent" && <span class="cut"> not sent</span>}
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
    case "untranscribed":
      return "Spoken, not transcribed (transcription is off)";
    case "failed":
      return "Not transcribed";
    case "cut":
      return "Interrupted before it was heard";
    default:
      return entry.role === "user" ? "No words were understood" : "…";
  }
}
