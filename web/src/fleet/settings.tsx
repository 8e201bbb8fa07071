import type { Policy, PriceView, RatesView, Setting, SettingsOutputBody } from "../schema";
import { Ago, Filter, Title } from "../shared/parts";
import { count, plural } from "../shared/words";
import { filter, queryOf } from "./route";
import { type Store, usePolled } from "./store";
import { Typed } from "./typed";
import { nodeName } from "./words";

/** What is looked for, as the address has it. */
function wanted() {
  const query = queryOf("settings");
  return { text: query.get("q") ?? "", changed: query.get("changed") === "true" };
}

/** How a node is configured: read-only, as it comes from flags and the environment. */
export function Settings({ store }: { store: Store }) {
  const { answer } = usePolled<SettingsOutputBody>(store, "The settings could not be read", () => "/settings");
  const s = answer.value;
  return (
    <>
      <Title>Settings</Title>
      {s ? (
        <>
          <p class="help summary">
            Switchboard {s.version} on {nodeName(s.node)}, started <Ago at={s.started_at} />. Flags and the environment set what follows; it changes with a restart.
          </p>
          <Groups list={s.settings.filter(fits)} />
          <Policies list={s.policies} />
          <Prices list={s.prices} />
        </>
      ) : (
        <p class="lead nothing">Reading…</p>
      )}
    </>
  );
}

function fits(s: Setting): boolean {
  const { text, changed } = wanted();
  const all = [s.name, s.env, s.group, s.help, s.value].join(" ").toLowerCase();
  return (!changed || s.changed) && all.includes(text.toLowerCase());
}

function Groups({ list }: { list: Setting[] }) {
  if (!list.length) return <p class="lead nothing">No setting fits the filter.</p>;
  return (
    <div data-testid="settings">
      {[...new Set(list.map((s) => s.group))].map((name) => (
        <section key={name} class="part">
          <h2>{name}</h2>
          <ol class="rows">
            {list
              .filter((s) => s.group === name)
              .map((s) => (
                <Row key={s.name} setting={s} />
              ))}
          </ol>
        </section>
      ))}
    </div>
  );
}

function Row({ setting: s }: { setting: Setting }) {
  return (
    <li class="row" data-id={s.name}>
      <div class="row-head">
        <strong>
          <code>{s.name}</code>
        </strong>
        <code class="setting-value">{s.secret ? (s.value === "set" ? "set, not shown" : "not set") : s.value || "empty"}</code>
      </div>
      <p class="row-facts">
        <span>{s.help}</span>
        <span>
          <code>{s.env}</code>
        </span>
        {s.changed && !s.secret && <span>default: {s.default || "empty"}</span>}
      </p>
    </li>
  );
}

function Policies({ list }: { list: Policy[] }) {
  return (
    <section class="part" data-testid="policies">
      <h2>Policies of client tokens</h2>
      <ol class="rows">
        {list.map((p) => (
          <li key={p.name} class="row">
            <div class="row-head">
              <strong>{p.name}</strong>
            </div>
            <p class="row-facts">
              <span>events: {p.events ? p.events.join(", ") || "none" : "all"}</span>
              {p.events_per_second !== undefined && <span>{plural(p.events_per_second, "event")} a second</span>}
              {p.bytes_per_second !== undefined && <span>{plural(p.bytes_per_second, "byte")} a second</span>}
              {p.event_bytes !== undefined && <span>at most {plural(p.event_bytes, "byte")} an event</span>}
            </p>
          </li>
        ))}
      </ol>
    </section>
  );
}

const kinds = ["text", "audio", "image", "batch"] as const;

function Prices({ list }: { list: PriceView[] }) {
  return (
    <section class="part" data-testid="prices">
      <h2>Prices</h2>
      <p class="help small">US dollars per million tokens: input / cached input / output.</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Prices by model">
        <table>
          <thead>
            <tr>
              {["Model", "Text", "Audio", "Images", "Batch", "Minute"].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {list.map((p) => (
              <tr key={p.model}>
                <th scope="row">{p.model}</th>
                {kinds.map((kind) => (
                  <td key={kind}>{sayRates(p[kind])}</td>
                ))}
                <td>{p.minute === undefined ? "–" : count(p.minute)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

function sayRates(r: RatesView | undefined): string {
  return r ? [r.input, r.cached, r.output].map(count).join(" / ") : "–";
}

export function SettingsFilter() {
  const { changed } = wanted();
  return (
    <Filter>
      <Typed section="settings" name="q" label="Search" placeholder="Flag, variable or text" />
      <label class="check">
        <input type="checkbox" checked={changed} onChange={(e) => filter("settings", { changed: e.currentTarget.checked ? "true" : undefined })} />
        Only those that are not the default
      </label>
    </Filter>
  );
}
