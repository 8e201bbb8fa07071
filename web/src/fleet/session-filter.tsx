import { signal } from "@preact/signals";
import type { Facet } from "../schema";
import { Filter, Segments } from "../shared/parts";
import { count } from "../shared/words";
import type { Labels } from "./labels";
import { LabelsField } from "./labels-field";
import { filter, queryOf } from "./route";
import type { Store } from "./store";
import { Typed } from "./typed";
import type { Session } from "./types";
import { nodeName, stateWords } from "./words";

/** How many sessions have each value of a filter, as the list was sent last. */
export const facets = signal<readonly Facet[]>([]);

/** What of the address the API reads: all but a text that is looked for in conversations. */
export function apiQuery(): URLSearchParams {
  const query = queryOf("sessions");
  query.delete("said");
  query.delete("after"); // of an address from before
  return query;
}

const show = (changes: Parameters<typeof filter>[1]) => filter("sessions", changes);

const sorts = [
  { value: "", label: "Newest first" },
  { value: "age asc", label: "Oldest first" },
  { value: "cost desc", label: "Most expensive first" },
  { value: "errors desc", label: "Most errors first" },
  { value: "latency desc", label: "Slowest answers first" },
  { value: "expiry desc", label: "Latest renewal first" },
  { value: "expiry asc", label: "Next renewal first" },
];

export function SessionFilter({ store }: { store: Store }) {
  const query = queryOf("sessions");
  const labels: Labels = Object.fromEntries(query.getAll("label").map((pair) => [pair.split(":", 1)[0], pair.slice(pair.indexOf(":") + 1)]));
  const showLabels = (all: Labels) => show({ label: Object.entries(all).map(([name, value]) => `${name}:${value}`) });
  const sort = [query.get("sort"), query.get("order") ?? "desc"].join(" ");
  return (
    <Filter>
      <Typed section="sessions" name="q" label="Search" placeholder="Part of an ID, key, model or label" />
      <Segments
        name="status"
        legend="Status"
        chosen={(query.get("status") ?? "") as "" | Session["status"]}
        onChoose={(status) => show({ status })}
        choices={[
          { value: "", label: "All" },
          { value: "active", label: "Live" },
          { value: "created", label: "Opened" },
          { value: "ended", label: "Ended" },
        ]}
      />
      <Choice name="state" label="State" all="Any state" say={(value) => stateWords[value as keyof typeof stateWords]?.text ?? value} />
      <div class="group">
        <label class="label" for="sort">
          Order
        </label>
        <select
          class="field"
          id="sort"
          value={sorts.some((s) => s.value === sort) ? sort : ""}
          onChange={(e) => {
            const [by, order] = e.currentTarget.value.split(" ");
            show({ sort: by || undefined, order });
          }}
        >
          {sorts.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </div>
      <LabelsField id="labels" label="Labels" help="All of them must be there; separate them by commas." labels={labels} onLabels={showLabels} />
      <LabelFacets labels={labels} onLabels={showLabels} />
      {store.operator.value && <Choice name="key" label="Opened by" all="Any key" />}
      <Choice name="node" label="Node" all="Any node" say={nodeName} />
      <Choice name="model" label="Model" all="Any model" />
      <Moment name="from" label="Created from" />
      <Moment name="to" label="Created before" />
      <Typed section="sessions" name="said" label="Said in a conversation" placeholder="Looked for in the newest 1,000" onEnter />
    </Filter>
  );
}

/** One of the values that there are, with how many sessions have it. */
function Choice({ name, label, all, say = (value) => value }: { name: string; label: string; all: string; say?: (value: string) => string }) {
  const chosen = queryOf("sessions").get(name) ?? "";
  const values = facets.value.find((f) => f.name === name)?.values ?? [];
  return (
    <div class="group">
      <label class="label" for={name}>
        {label}
      </label>
      <select class="field" id={name} value={chosen} onChange={(e) => show({ [name]: e.currentTarget.value })}>
        <option value="">{all}</option>
        {values.map((v) => (
          <option key={v.value} value={v.value}>
            {say(v.value)} ({count(v.count)})
          </option>
        ))}
        {chosen && !values.some((v) => v.value === chosen) && <option value={chosen}>{say(chosen)} (0)</option>}
      </select>
    </div>
  );
}

/** Labels and values that are shown to choose from. */
const [mostLabels, mostValues] = [4, 6];

/** Labels that sessions have, to select by them. */
function LabelFacets({ labels, onLabels }: { labels: Labels; onLabels(labels: Labels): void }) {
  const known = facets.value.filter((f) => f.name.startsWith("label:")).slice(0, mostLabels);
  if (!known.length) return null;
  return (
    <div class="label-list" data-testid="label-facets">
      {known.flatMap((f) => {
        const name = f.name.slice("label:".length);
        return f.values
          .filter((v) => labels[name] !== v.value)
          .slice(0, mostValues)
          .map((v) => (
            <button key={`${name}:${v.value}`} class="label-chip label-choice" type="button" onClick={() => onLabels({ ...labels, [name]: v.value })}>
              {name}: {v.value} ({count(v.count)})
            </button>
          ));
      })}
    </div>
  );
}

/** A time of the query, in the zone of the one who looks. */
function Moment({ name, label }: { name: string; label: string }) {
  const at = new Date(queryOf("sessions").get(name) ?? "");
  const local = Number.isNaN(at.getTime()) ? "" : new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  return (
    <div class="group">
      <label class="label" for={name}>
        {label}
      </label>
      <input
        class="field"
        id={name}
        type="datetime-local"
        value={local}
        onChange={(e) => show({ [name]: e.currentTarget.value && new Date(e.currentTarget.value).toISOString() })}
      />
    </div>
  );
}
