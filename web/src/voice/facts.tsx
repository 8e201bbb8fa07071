import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Latency } from "../realtime/latency";
import { Fact } from "../shared/fact";
import type { Call } from "./call";
import { settings } from "./settings";
import { setSingleKeys, singleKeys } from "./shortcuts";

/** Turns shown as bars. */
const shownTurns = 16;

/** The running session: how fast it answers, and what it is. */
export function Facts({ call }: { call: Call }) {
  const { voice, answers } = settings.value;
  return (
    <div class="facts">
      <h2 class="side-title">This session</h2>
      <LatencyFigure latencies={call.latencies.value} />
      <details class="fold" open={matchMedia("(min-width: 56rem)").matches}>
        <summary>Details</summary>
        <dl class="list">
          <Fact name="Time">
            <Elapsed since={call.startedAt.value} />
          </Fact>
          {answers === "audio" && <Fact name="Voice">{voice}</Fact>}
          {call.model.value && <Fact name="Model">{call.model.value}</Fact>}
          <Fact name="Session">
            <code class="id">{call.sessionId.value}</code>
          </Fact>
          {call.reconnects.value > 0 && <Fact name="Reconnects">{call.reconnects.value}</Fact>}
        </dl>
      </details>
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
  const sorted = latencies.map((l) => l.totalMs).sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1] as number;
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
  const total = Math.max(0, Math.floor((now.value - since) / 1000));
  return <>{`${Math.floor(total / 60)}:${String(total % 60).padStart(2, "0")}`}</>;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}
