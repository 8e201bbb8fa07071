import type { ComponentChildren } from "preact";
import type { Attention, Overview, Point } from "../schema";
import { Fact } from "../shared/fact";
import { addressOf, filter, queryOf } from "./route";
import { type Store, usePolled } from "./store";

const windows = ["15m", "24h", "7d"] as const;

/** How the fleet is and what it did: an operator's first page. */
export function OverviewView({ store }: { store: Store }) {
  const span = () => windows.find((w) => w === queryOf("overview").get("window")) ?? "15m";
  const { answer } = usePolled<Overview>(store, "The overview could not be read", () => `/api/overview?window=${span()}`);
  const o = answer.value;
  return (
    <>
      <h1 class="visually-hidden">Overview</h1>
      <nav class="pager" aria-label="Window">
        {windows.map((w) => (
          <button key={w} class="button small" type="button" aria-pressed={w === span()} onClick={() => filter("overview", { window: w })}>
            {w}
          </button>
        ))}
      </nav>
      {o && (
        <>
          <NeedsAttention list={o.attention} />
          <dl class="facts-grid" data-testid="overview-totals">
            <Fact name="Live sessions">{o.totals.live}</Fact>
            <Fact name="Clients">{o.totals.clients}</Fact>
            <Fact name="Without a client">{o.totals.unattended}</Fact>
            <Fact name="Nodes with sessions">{Object.keys(o.totals.nodes).length}</Fact>
            <Fact name="Turns">{o.sum.turns}</Fact>
            <Fact name="First audio p50 / p95">{o.sum.first_audio.count ? `${ms(o.sum.first_audio.p50_ms)} / ${ms(o.sum.first_audio.p95_ms)}` : "none yet"}</Fact>
            <Fact name="Tokens">{o.sum.tokens.toLocaleString("en-GB")}</Fact>
            <Fact name="Cost">${o.sum.cost_usd.toFixed(2)}</Fact>
          </dl>
          <div class="charts">
            <Chart name="Live sessions" points={o.points} of={(p) => [p.live]} />
            <Chart name="Turns per minute" points={o.points} of={(p) => [p.turns_per_minute]} />
            <Chart name="Time to first audio, p50 and p95, ms" points={o.points} of={(p) => [p.first_audio.p50_ms, p.first_audio.p95_ms]} />
            <Chart name="Errors: turn, session, account" points={o.points} of={(p) => [p.errors.turn, p.errors.session, p.errors.account]} />
            <Chart name="Tokens" points={o.points} of={(p) => [p.tokens]} />
            <Chart name="Renewals and failovers" points={o.points} of={(p) => [p.renewals, p.claimed]} />
          </div>
          <Standing list={o.broadcasts} />
        </>
      )}
    </>
  );
}

function NeedsAttention({ list }: { list: readonly Attention[] }) {
  if (!list.length) return <p class="help">Nothing needs attention.</p>;
  return (
    <section class="notice" aria-label="Needs attention" data-testid="attention">
      <ul>
        {list.map((a) => (
          <li key={a.kind + a.object}>{a.text}</li>
        ))}
      </ul>
    </section>
  );
}

function Standing({ list }: { list: Overview["broadcasts"] }) {
  return (
    <Part name="Active broadcasts">
      {list.length ? (
        <ul>
          {list.map((b) => (
            <li key={b.id}>
              <a href={addressOf("broadcasts", b.id)}>{b.instructions.slice(0, 120)}</a>
            </li>
          ))}
        </ul>
      ) : (
        <p class="help">None.</p>
      )}
    </Part>
  );
}

function Part({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <section>
      <h2>{name}</h2>
      {children}
    </section>
  );
}

const ms = (n: number) => `${Math.round(n)} ms`;
const [width, height] = [320, 80];

/** Lines over time, said in words beside them. */
function Chart({ name, points, of }: { name: string; points: readonly Point[]; of: (p: Point) => number[] }) {
  const lines = points.length ? of(points[0] as Point).map((_, i) => points.map((p) => of(p)[i] ?? 0)) : [];
  const most = Math.max(1, ...lines.flat());
  const step = width / Math.max(1, points.length - 1);
  const last = lines.map((l) => round(l.at(-1) ?? 0)).join(" / ");
  return (
    <figure class="chart">
      <figcaption>
        {name}: <strong>{last}</strong>, at most {round(most)}
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${name}: now ${last}, at most ${round(most)}`}>
        {lines.map((l, i) => (
          <polyline key={i} class={`line${i}`} points={l.map((v, x) => `${(x * step).toFixed(1)},${(height - 2 - (v / most) * (height - 4)).toFixed(1)}`).join(" ")} />
        ))}
      </svg>
    </figure>
  );
}

const round = (n: number) => Math.round(n * 10) / 10;
