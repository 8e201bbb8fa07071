import { type Signal, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Moment, TimelineOutputBody } from "../schema";
import { Segments } from "../shared/parts";
import { count } from "../shared/words";
import { clock, indexAt, laneOf, lanes, sayMoment, toneOf } from "./moments";
import { type PartProps, Problem, pathOf, usePart } from "./part";
import { showPart } from "./route";

/** How much of the session is drawn. */
const spans = { all: 0, "5": 300_000, "1": 60_000 };
type Span = keyof typeof spans;

/** Moments that are listed before and behind the one that is looked at. */
const around = 6;

/** What happened when. */
export function Timeline({ store, session }: PartProps) {
  const { answer, problem } = usePart<TimelineOutputBody>(
    store,
    () => pathOf(session.session_id, "/timeline"),
    (t) => t.ended_at !== undefined,
  );
  const t = answer.value;
  return (
    <section class="part" aria-label="Timeline" data-testid="timeline">
      <Problem what="The timeline cannot be read" problem={problem.value} />
      {t && !t.moments.length && <p class="help">Nothing has happened yet.</p>}
      {t && t.moments.length > 0 && <Scrubber moments={t.moments} end={endOf(t)} />}
    </section>
  );
}

/** In ms since the session began. */
function endOf({ moments, created_at, ended_at }: TimelineOutputBody): number {
  const last = moments.reduce((latest, m) => Math.max(latest, m.offset_ms + (m.length_ms ?? 0)), 0);
  return Math.max(1, last, (ended_at ? Date.parse(ended_at) : Date.now()) - Date.parse(created_at));
}

function Scrubber({ moments, end }: { moments: readonly Moment[]; end: number }) {
  const span = useSignal<Span>("all");
  const cursor = useSignal<number | undefined>(undefined); // undefined: at the end, wherever that is
  const at = Math.min(end, cursor.value ?? end);
  const width = spans[span.value] && Math.min(end, spans[span.value]);
  const from = width ? Math.min(Math.max(0, at - width / 2), end - width) : 0;
  const to = width ? from + width : end;
  const current = indexAt(moments, at);
  return (
    <>
      <Segments
        name="span"
        legend="Shown"
        chosen={span.value}
        onChoose={(value) => (span.value = value)}
        choices={[
          { value: "all", label: "All of it" },
          { value: "5", label: "5 minutes" },
          { value: "1", label: "1 minute" },
        ]}
      />
      <div class="timeline">
        <ul class="lane-names" aria-hidden="true">
          {lanes.map(({ name }) => (
            <li key={name}>{name}</li>
          ))}
        </ul>
        <div class="track">
          <Drawing moments={moments} from={from} to={to} end={end} />
          <Cursor moments={moments} range={[from, to, end]} at={at} current={current} cursor={cursor} />
        </div>
        <p class="timeline-scale help small" aria-hidden="true">
          <span>{clock(from)}</span>
          <strong>{clock(at)}</strong>
          <span>{clock(to)}</span>
        </p>
      </div>
      <Around moments={moments} current={current} cursor={cursor} />
    </>
  );
}

const laneHeight = 20;
const drawn = 1_000;

function Drawing({ moments, from, to, end }: { moments: readonly Moment[]; from: number; to: number; end: number }) {
  return useMemo(() => {
    const x = (ms: number) => (drawn * (ms - from)) / (to - from);
    const seen = moments.filter((m) => m.offset_ms <= to && m.offset_ms + lengthOf(m, end) >= from);
    return (
      <svg class="moments" viewBox={`0 0 ${drawn} ${lanes.length * laneHeight}`} preserveAspectRatio="none" aria-hidden="true">
        {seen.map((m, i) => (
          <rect
            key={i}
            data-tone={toneOf(m)}
            x={x(m.offset_ms)}
            y={laneOf(m) * laneHeight + 3}
            width={Math.max(3, x(m.offset_ms + lengthOf(m, end)) - x(m.offset_ms))}
            height={laneHeight - 6}
          />
        ))}
      </svg>
    );
  }, [moments, from, to, end]);
}

/** What goes on lasts until now. */
function lengthOf(m: Moment, end: number): number {
  return m.open ? end - m.offset_ms : (m.length_ms ?? 0);
}

interface CursorProps {
  moments: readonly Moment[];
  /** What is drawn, and the end of all. */
  range: readonly [from: number, to: number, end: number];
  at: number;
  current: number;
  cursor: Signal<number | undefined>;
}

/** Moved with the mouse anywhere on the track; with the arrow keys from moment to moment. */
function Cursor({ moments, range: [from, to, end], at, current, cursor }: CursorProps) {
  const go = (ms: number) => (cursor.value = ms >= end ? undefined : Math.max(0, ms));
  const jump = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    const page = { PageUp: 1, PageDown: -1 }[event.key];
    if (step) go(momentFrom(moments, current, at, step)?.offset_ms ?? (step > 0 ? end : 0));
    else if (page) go(at + (page * (to - from)) / 10);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(end);
    else return;
    event.preventDefault();
  };
  const moment = moments[current];
  return (
    <input
      class="scrubber"
      type="range"
      aria-label="Moment"
      aria-valuetext={`${clock(at)}${moment ? `, ${sayMoment(moment)}` : ""}`}
      min={Math.floor(from)}
      max={Math.ceil(to)}
      step="1"
      value={Math.round(at)}
      onInput={(e) => go(Number(e.currentTarget.value))}
      onKeyDown={jump}
    />
  );
}

/** The moment before or behind where one is; several may begin at the same time. */
function momentFrom(moments: readonly Moment[], current: number, at: number, step: number): Moment | undefined {
  let i = step < 0 && (moments[current]?.offset_ms ?? 0) < at ? current : current + step;
  while (moments[i]?.offset_ms === at) i += step;
  return moments[i];
}

/** What happened around the moment that is looked at, in words. */
function Around({ moments, current, cursor }: { moments: readonly Moment[]; current: number; cursor: Signal<number | undefined> }) {
  const first = Math.max(0, Math.min(current - around, moments.length - 2 * around - 1));
  return (
    <ol class="moment-list" aria-label="What happened around it">
      {moments.slice(first, first + 2 * around + 1).map((m, i) => (
        <li
          key={`${m.kind} ${m.id} ${m.offset_ms} ${first + i}`}
          class="moment"
          data-tone={toneOf(m)}
          data-kind={m.kind}
          {...(first + i === current && { "aria-current": "true" as const })}
        >
          <button class="link moment-time" type="button" onClick={() => (cursor.value = m.offset_ms)}>
            {clock(m.offset_ms)}
          </button>
          <span class="moment-word">{sayMoment(m)}</span>
          <span class="help small">{facts(m)}</span>
          {m.id && ["speech", "response", "tool"].includes(m.kind) && (
            <button class="link small" type="button" onClick={() => showPart({ show: undefined, item: m.id })}>
              In the conversation<span class="visually-hidden">: {sayMoment(m)}</span>
            </button>
          )}
        </li>
      ))}
    </ol>
  );
}

function facts(m: Moment): string {
  const length = m.length_ms ? `for ${(m.length_ms / 1000).toFixed(1)} s` : "";
  const latency = m.latency_ms ? `after ${(m.latency_ms / 1000).toFixed(2)} s` : "";
  return [latency, length, m.tokens ? `${count(m.tokens)} tokens` : ""].filter(Boolean).join(", ");
}
