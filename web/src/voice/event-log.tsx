import { useSignal } from "@preact/signals";
import { Copy } from "../shared/copy";
import { Segments } from "../shared/parts";
import { plural } from "../shared/words";
import type { Call } from "./call";
import type { LogEntry } from "./trace";

type Way = "both" | LogEntry["way"];

/** Events that are drawn; all that fit the filter are copied. */
const shown = 200;

/** The protocol's events, as the page sent and received them. */
export function EventLog({ call }: { call: Call }) {
  const open = useSignal(false);
  return (
    <details class="fold" data-testid="event-log" onToggle={(e) => (open.value = e.currentTarget.open)}>
      <summary>Event log</summary>
      {open.value && <Log call={call} />}
    </details>
  );
}

function Log({ call }: { call: Call }) {
  const way = useSignal<Way>("both");
  const text = useSignal("");
  const wanted = text.value.trim().toLowerCase();
  const fits = (e: LogEntry) => (way.value === "both" || way.value === e.way) && (!wanted || e.type.toLowerCase().includes(wanted) || e.json.toLowerCase().includes(wanted));
  const entries = call.talk.trace.log.value.filter(fits);
  return (
    <div class="form">
      <div class="group">
        <label class="label" for="event-filter">
          Type or text
        </label>
        <input class="field small" id="event-filter" type="search" autocomplete="off" spellcheck={false} value={text.value} onInput={(e) => (text.value = e.currentTarget.value)} />
      </div>
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
      <p class="help small">
        {entries.length > shown ? `The newest ${shown} of ${entries.length} events` : plural(entries.length, "event")}, without audio.{" "}
        {entries.length > 0 && <Copy text={() => entries.map(line).join("\n")} what="these events" />}
      </p>
      <ol class="event-log" aria-label="Events, the newest first">
        {entries
          .slice(-shown)
          .reverse()
          .map((e) => (
            <Entry key={e.number} entry={e} />
          ))}
      </ol>
    </div>
  );
}

function Entry({ entry: e }: { entry: LogEntry }) {
  const open = useSignal(false);
  const head = (
    <>
      <span class="event-way" role="img" aria-label={e.way}>
        {e.way === "sent" ? "↑" : "↓"}
      </span>
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
  return JSON.stringify({ at: new Date(e.at).toISOString(), way: e.way, ...(e.json ? { event: JSON.parse(e.json) } : { type: e.type, times: e.times }) });
}
