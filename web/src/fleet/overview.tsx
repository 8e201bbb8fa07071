import type { ComponentChildren } from "preact";
import type { Attention, Facet, Overview } from "../schema";
import { Fact } from "../shared/fact";
import { Filter, Segments, Title } from "../shared/parts";
import { Chart } from "./chart";
import { addressOf, filter, queryOf } from "./route";
import { type Store, usePolled } from "./store";

const windows = [
  { value: "15m", label: "15 minutes" },
  { value: "24h", label: "24 hours" },
  { value: "7d", label: "7 days" },
] as const;

const span = () => windows.find((w) => w.value === queryOf("overview").get("window"))?.value ?? "15m";

/** How far back the charts go. */
export function OverviewFilter() {
  return (
    <Filter>
      <Segments name="window" legend="Charts of the last" choices={windows} chosen={span()} onChoose={(window) => filter("overview", { window })} />
    </Filter>
  );
}

/** How the fleet is and what it did: an operator's first page. */
export function OverviewView({ store }: { store: Store }) {
  const { answer } = usePolled<Overview>(store, "The overview could not be read", () => `/api/overview?window=${span()}`);
  const o = answer.value;
  if (!o) return <Title>Overview</Title>;
  const { count, p50_ms, p95_ms } = o.sum.first_audio;
  return (
    <>
      <Title>Overview</Title>
      <NeedsAttention list={o.attention} />
      <dl class="facts-grid" data-testid="overview-totals">
        <Fact name="Live">{o.totals.live} sessions</Fact>
        <Fact name="Clients">
          {o.totals.clients}, and {o.totals.unattended} sessions without one
        </Fact>
        <Fact name="Turns">{o.sum.turns.toLocaleString("en-GB")}</Fact>
        <Fact name="First audio">{count ? `${ms(p50_ms)} (half), ${ms(p95_ms)} (95 %)` : "none yet"}</Fact>
        <Fact name="Tokens">{o.sum.tokens.toLocaleString("en-GB")}</Fact>
        <Fact name="Cost">${o.sum.cost_usd.toFixed(2)}</Fact>
      </dl>
      <div class="charts">
        <Chart name="Live sessions" points={o.points} of={(p) => [p.live]} />
        <Chart name="Turns per minute" points={o.points} of={(p) => [p.turns_per_minute]} />
        <Chart name="Time to first audio" unit=" ms" series={["p50", "p95"]} points={o.points} of={(p) => [p.first_audio.p50_ms, p.first_audio.p95_ms]} />
        <Chart name="Errors" series={["turn", "session", "account"]} points={o.points} of={(p) => [p.errors.turn, p.errors.session, p.errors.account]} />
        <Chart name="Tokens" points={o.points} of={(p) => [p.tokens]} />
        <Chart name="Cost, $" points={o.points} of={(p) => [p.cost_usd]} />
        <Chart name="Sessions moved" series={["renewed", "failed over"]} points={o.points} of={(p) => [p.renewals, p.claimed]} />
      </div>
      <Part name="Live sessions by">
        <div class="charts" data-testid="facets">
          {o.facets
            .filter((f) => f.values.length)
            .map((f) => (
              <Values key={f.name} facet={f} />
            ))}
        </div>
      </Part>
      <Standing list={o.broadcasts} />
    </>
  );
}

/** The most frequent values of one property, each with the way to its sessions. */
function Values({ facet: { name, values, more } }: { facet: Facet }) {
  const label = name.startsWith("label:") ? name.slice("label:".length) : undefined;
  const list = (value: string) => (label ? `#/sessions?${new URLSearchParams({ label: `${label}:${value}` })}` : `#/sessions?${new URLSearchParams({ [name]: value })}`);
  return (
    <section>
      <h3 class="chart-name">{label ? `label ${label}` : name}</h3>
      <ul class="values">
        {values.map(({ value, count }) => (
          <li key={value}>
            <a href={list(value)}>{value || "none"}</a> <span>{count}</span>
          </li>
        ))}
      </ul>
      {!!more && <p class="help">and {more} more</p>}
    </section>
  );
}

function NeedsAttention({ list }: { list: readonly Attention[] }) {
  if (!list.length) return <p>Nothing needs attention.</p>;
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
