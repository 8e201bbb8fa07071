// Events of a session as they were sent: filtered, read one by one, copied and downloaded.

import { type ReadonlySignal, useSignal } from "@preact/signals";
import { Copy } from "./copy";
import type { LogEntry } from "./event-ring";
import { Segments } from "./parts";
import { saveFile } from "./save-file";
import { plural } from "./words";

type Way = "both" | LogEntry["way"];

/** Events that are drawn; all that fit the filter are copied. */
const shown = 200;

interface EventListProps {
  log: ReadonlySignal<readonly LogEntry[]>;
  /** Of the file that is downloaded. */
  name: string;
  /** Whether there are events of both directions. */
  ways?: boolean;
  /** What the events lack. */
  without: string;
}

export function EventList({ log, name, ways, without }: EventListProps) {
  const way = useSignal<Way>("both");
  const text = useSignal("");
  const held = useSignal<readonly LogEntry[] | undefined>(undefined);
  const all = held.value ?? log.value;
  const wanted = new RegExp(escaped(text.value.trim()), "i");
  const entries = all.filter((e) => (way.value === "both" || way.value === e.way) && (wanted.test(e.type) || wanted.test(e.json)));
  const lines = () => entries.map(line).join("\n");
  return (
    <div class="form">
      <div class="group">
        <label class="label" for="event-filter">
          Type or text
        </label>
        <input class="field small" id="event-filter" type="search" autocomplete="off" spellcheck={false} value={text.value} onInput={(e) => (text.value = e.currentTarget.value)} />
      </div>
      {ways && (
        <Segments
          name="event-way"
          legend="Direction"
          chosen={way.value}
          onChoose={(value) => (way.value = value)}
          choices={[
            { value: "both", label: "Both" },
            { value: "sent", label: "Sent" },
            { value: "received", label: "Received" },
          ]}
        />
      )}
      <p class="help small event-bar">
        <span data-testid="event-count">
          {entries.length > shown ? `The newest ${shown} of ${entries.length} events` : plural(entries.length, "event")}, {without}.
        </span>
        <button class="link small" type="button" aria-pressed={held.value !== undefined} onClick={() => (held.value = held.value ? undefined : log.peek())}>
          {held.value ? "Go on" : "Pause"}
        </button>
        {entries.length > 0 && <Copy text={lines} what="these events" />}
        {entries.length > 0 && (
          <button class="link small" type="button" onClick={() => saveFile(`${name}-events.ndjson`, new Blob([lines()], { type: "application/x-ndjson" }))}>
            Download<span class="visually-hidden"> these events</span>
          </button>
        )}
      </p>
      <ol class="event-log" aria-label="Events, the newest first">
        {entries
          .slice(-shown)
          .reverse()
          .map((e) => (
            <Entry key={e.number} entry={e} ways={ways} />
          ))}
      </ol>
    </div>
  );
}

function Entry({ entry: e, ways }: { entry: LogEntry; ways: boolean | undefined }) {
  const open = useSignal(false);
  const head = (
    <>
      {ways && (
        <span class="event-way" role="img" aria-label={e.way}>
          {e.way === "sent" ? "↑" : "↓"}
        </span>
      )}
      <code class="event-type">{e.type}</code>
      {e.times > 1 && <span class="help small">× {e.times}</span>}
      <time class="help small" dateTime={new Date(e.at).toISOString()}>
        {new Date(e.at).toISOString().slice(11, 23)}
      </time>
    </>
  );
  if (!e.json) return <li class="event-head">{head}</li>;
  return (
    <li>
      <details onToggle={(event) => (open.value = event.currentTarget.open)}>
        <summary class="event-head">{head}</summary>
        {open.value && (
          <div class="event-whole">
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
            <pre tabIndex={0}>{JSON.stringify(JSON.parse(e.json), null, 2)}</pre>
            <Copy text={e.json} what="the event" />
          </div>
        )}
      </details>
    </li>
  );
}

/** A line of JSON. */
function line(e: LogEntry): string {
  return JSON.stringify({
    at: new Date(e.at).toISOString(),
    way: e.way,
    ...(e.times > 1 && { times: e.times }),
    ...(e.json ? { event: JSON.parse(e.json) } : { type: e.type }),
  });
}

/** A text to be searched for as it is. */
function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
