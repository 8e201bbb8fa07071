import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Latency } from "../realtime/latency";
import { Copy } from "../shared/copy";
import { Fact } from "../shared/fact";
import { beside } from "../shared/header";
import type { Call } from "./call";
import { EventLog } from "./event-log";
import { KeepTranscript } from "./keep-transcript";
import { settings } from "./settings";
import { setSingleKeys, singleKeys } from "./shortcuts";

/** Turns shown as bars. */
const shownTurns = 16;

/** The running session: how fast it answers, and what it is. */
export function Facts({ call }: { call: Call }) {
  return (
    <div class="facts">
      <h2 class="side-title">This session</h2>
      <LatencyFigure latencies={call.talk.turns.latencies.value} />
      <details class="fold" open={matchMedia("(min-width: 56rem)").matches}>
        <summary>Details</summary>
        <Details call={call} />
      </details>
      <EventLog call={call} />
      <details class="fold">
        <summary>Keyboard</summary>
        <dl class="list">
          <Fact name={<kbd>M</kbd>}>Mute or unmute</Fact>
          <Fact name={<kbd>Esc</kbd>}>Stop the answer</Fact>
          <Fact name={<kbd>/</kbd>}>Go to the text box</Fact>
        </dl>
        <label class="check">
          <input type="checkbox" checked={singleKeys.value} onChange={(e) => setSingleKeys(e.currentTarget.checked)} />
          Single-key shortcuts
        </label>
      </details>
    </div>
  );
}

/** The session that has just ended: its figures stay. */
export function LastSession({ call }: { call: Call }) {
  if (!call.sessionId.value) return null;
  return (
    <details class="fold" data-testid="last-session" open={matchMedia("(min-width: 56rem)").matches}>
      <summary>The session that ended</summary>
      {call.talk.turns.latencies.value.length > 0 && <LatencyFigure latencies={call.talk.turns.latencies.value} />}
      <Details call={call} />
    </details>
  );
}

function Details({ call }: { call: Call }) {
  const { voice, answers } = settings.value;
  const id = call.sessionId.value;
  return (
    <dl class="list">
      <Fact name="Time">{call.running ? <Elapsed since={call.startedAt.value} /> : minutes(call.endedAt.value - call.startedAt.value)}</Fact>
      {answers === "audio" && <Fact name="Voice">{voice}</Fact>}
      {call.model.value && <Fact name="Model">{call.model.value}</Fact>}
      <Fact name="Session">
        <a class="id" href={`/fleet#/sessions/${encodeURIComponent(id)}`} {...beside} title="Open it on the fleet page">
          {id}
        </a>{" "}
        <Copy text={id} what="the session's ID" />
      </Fact>
      {call.talk.conversation.entries.value.length > 0 && (
        <Fact name="Transcript">
          <KeepTranscript call={call} />
        </Fact>
      )}
      {call.reconnects.value > 0 && <Fact name="Reconnects">{call.reconnects.value}</Fact>}
    </dl>
  );
}

function LatencyFigure({ latencies }: { latencies: readonly Latency[] }) {
  const last = latencies.at(-1);
  if (!last) {
    return (
      <div class="figure" data-testid="latency">
        <p class="figure-number quiet">–</p>
        <p class="figure-caption">The time from your last word to the first sound of the answer appears here.</p>
      </div>
    );
  }
  return (
    <div class="figure" data-testid="latency" data-total-ms={last.totalMs} data-kind={last.kind}>
      <p class="figure-number">
        {seconds(last.totalMs)}
        <span class="figure-unit">s</span>
      </p>
      <p class="figure-caption">
        from {last.kind === "speech" ? "your last sound" : "Enter"} to the first {last.first} of the answer
        {last.detectMs !== undefined && `, ${seconds(last.detectMs)} s of it to be sure that you had finished`}
      </p>
      {latencies.length > 1 && <Bars latencies={latencies} />}
    </div>
  );
}

function Bars({ latencies }: { latencies: readonly Latency[] }) {
  const shown = latencies.slice(-shownTurns);
  const most = Math.max(...shown.map((l) => l.totalMs));
  const median = medianOf(latencies.map((l) => l.totalMs));
  return (
    <div class="bars">
      <div class="bars-row" aria-hidden="true">
        {shown.map((l, i) => (
          <span key={i} class="bar" data-kind={l.kind} style={{ height: `${Math.max(8, (100 * l.totalMs) / most)}%` }} />
        ))}
      </div>
      <span class="bars-caption">
        {latencies.length} turns, median {seconds(median)} s
      </span>
    </div>
  );
}

function Elapsed({ since }: { since: number }) {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => (now.value = Date.now()), 1000);
    return () => clearInterval(timer);
  }, [now]);
  return <>{minutes(now.value - since)}</>;
}

/** 1:05 */
function minutes(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(total / 60)}:${String(total % 60).padStart(2, "0")}`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}

function medianOf(values: number[]): number {
  const sorted = values.sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1] as number, sorted[sorted.length >> 1] as number];
  return (low + high) / 2;
}
