import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Segments } from "../shared/parts";
import { count, plural } from "../shared/words";
import type { Labels } from "./labels";
import { LabelsField } from "./labels-field";
import { type Failure, forEach, mostSelected, selectAll, selected, selectNone } from "./selection";
import type { Store } from "./store";

type Kind = "end" | "label" | "update" | "broadcast";

const names: Record<Kind, string> = { end: "End", label: "Label", update: "Change instructions", broadcast: "Broadcast" };

/** What became of the last thing that was done to many. */
interface Outcome {
  kind: Kind;
  done: number;
  of: number;
  failures: Failure[] | undefined;
}

/** What can be done to the sessions that are selected. */
export function Bulk({ store, total, query }: { store: Store; total: number; query: () => URLSearchParams }) {
  const kind = useSignal<Kind | undefined>(undefined);
  const outcome = useSignal<Outcome | undefined>(undefined);
  const n = selected.value.size;
  const busy = outcome.value && !outcome.value.failures;
  const all = Math.min(total, mostSelected);
  const kinds: Kind[] = store.operator.value ? ["end", "label", "update", "broadcast"] : ["end", "label", "update"];
  return (
    <section class="bulk" aria-label="Selected sessions" data-testid="bulk">
      <div class="row-actions">
        <strong>{n ? `${plural(n, "session")} selected` : "None selected"}</strong>
        {!busy && total > 0 && (
          <button class="link small" type="button" onClick={() => store.attempt("The sessions could not be selected", () => selectAll(store, query()))}>
            {total > mostSelected ? `Select the first ${count(mostSelected)}` : `Select all ${count(all)}`}
          </button>
        )}
        {n > 0 && !busy && (
          <button class="link small" type="button" onClick={selectNone}>
            Select none
          </button>
        )}
        {n > 0 &&
          !busy &&
          kinds.map((k) => (
            <button key={k} class="button small" type="button" aria-expanded={kind.value === k} onClick={() => (kind.value = kind.value === k ? undefined : k)}>
              {names[k]}
            </button>
          ))}
      </div>
      {n > 0 && kind.value && <Ask key={kind.value} store={store} kind={kind.value} outcome={outcome} onAnswer={() => (kind.value = undefined)} />}
      {outcome.value && <Result {...outcome.value} onClose={() => (outcome.value = undefined)} />}
    </section>
  );
}

/** What one asks for, with how many it concerns. */
function Ask({ store, kind, outcome, onAnswer }: { store: Store; kind: Kind; outcome: Signal<Outcome | undefined>; onAnswer(): void }) {
  const text = useSignal("");
  const labels = useSignal<Labels>({});
  const removes = useSignal<"" | "yes">("");
  const no = useRef<HTMLButtonElement>(null);
  useEffect(() => document.getElementById("bulk-ask")?.querySelector<HTMLElement>("textarea, input")?.focus() ?? no.current?.focus(), []);
  const ids = [...selected.value];
  const written = kind === "label" ? Object.keys(labels.value).length > 0 : kind === "end" || text.value.trim() !== "";
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!written) return;
    onAnswer();
    const work = workOf(store, kind, text.value.trim(), labels.value, removes.value === "yes");
    outcome.value = { kind, done: 0, of: ids.length, failures: undefined };
    const failures =
      kind === "broadcast"
        ? await broadcastTo(store, ids, text.value.trim())
        : await forEach(ids, work, (done) => (outcome.value = { kind, done, of: ids.length, failures: undefined }));
    outcome.value = { kind, done: ids.length - failures.length, of: ids.length, failures };
    selected.value = new Set(failures.map(({ id }) => id)); // to try them again
    store.said.value = sayOutcome(outcome.value);
  };
  return (
    <form class="question" id="bulk-ask" data-testid="bulk-ask" onSubmit={submit} onKeyDown={(e) => e.key === "Escape" && onAnswer()}>
      <p class="label">{`${names[kind]}: ${plural(ids.length, "session")}?`}</p>
      {kind === "label" && (
        <>
          <Segments
            name="removes"
            legend="Labels"
            chosen={removes.value}
            onChoose={(value) => (removes.value = value)}
            choices={[
              { value: "", label: "Set" },
              { value: "yes", label: "Remove" },
            ]}
          />
          <LabelsField id="bulk-labels" label="Which" help="Separated by commas; other labels stay." labels={{}} onLabels={(value) => (labels.value = value)} />
        </>
      )}
      {(kind === "update" || kind === "broadcast") && (
        <div class="group">
          <label class="label" for="bulk-text">
            {kind === "update" ? "New instructions, in place of each session's own" : "What is added to their instructions, and can be withdrawn"}
          </label>
          <textarea class="field" id="bulk-text" rows={3} maxLength={16_384} value={text.value} onInput={(e) => (text.value = e.currentTarget.value)} />
        </div>
      )}
      <div class="actions">
        <button class="button small" type="button" ref={no} onClick={onAnswer}>
          No
        </button>
        <button class="button small danger" type="submit" aria-disabled={!written}>
          {names[kind]} {count(ids.length)}
        </button>
      </div>
    </form>
  );
}

function workOf(store: Store, kind: Kind, text: string, labels: Labels, removes: boolean): (id: string) => Promise<unknown> {
  const address = (id: string) => `/realtime/sessions/${encodeURIComponent(id)}`;
  if (kind === "end") return (id) => store.send("DELETE", address(id));
  if (kind === "update") return (id) => store.send("PATCH", address(id), { instructions: text });
  const change = removes ? Object.fromEntries(Object.keys(labels).map((name) => [name, null])) : labels;
  return (id) => store.send("PATCH", address(id), { labels: change });
}

/** A broadcast is for so many sessions at most. */
const mostOfBroadcast = 500;

/** One broadcast for all of them, or as few as it takes; what becomes of it in each is shown with the broadcast. */
async function broadcastTo(store: Store, ids: string[], instructions: string): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (let i = 0; i < ids.length; i += mostOfBroadcast) {
    const sessions = ids.slice(i, i + mostOfBroadcast);
    const why = await store.send("POST", "/realtime/broadcasts", { instructions, sessions }).then(
      () => undefined,
      (problem: Error) => problem.message,
    );
    if (why !== undefined) failures.push(...sessions.map((id) => ({ id, why })));
  }
  return failures;
}

const pastWords: Record<Kind, string> = { end: "ended", label: "labelled", update: "changed", broadcast: "told by broadcast" };

function sayOutcome({ kind, done, of, failures }: Outcome): string {
  if (!failures) return `${count(done)} of ${plural(of, "session")}…`;
  return `${count(done)} of ${plural(of, "session")} ${pastWords[kind]}${failures.length ? `, ${count(failures.length)} not:` : "."}`;
}

/** Failures that are listed. */
const mostListed = 50;

function Result({ onClose, ...outcome }: Outcome & { onClose(): void }) {
  const { failures } = outcome;
  return (
    <div class="notice stack" data-testid="bulk-result" {...(failures?.length && { "data-tone": "error" })}>
      <p>{sayOutcome(outcome)}</p>
      {failures && failures.length > 0 && (
        <ul>
          {failures.slice(0, mostListed).map(({ id, why }) => (
            <li key={id}>
              <code>{id}</code>: {why}
            </li>
          ))}
          {failures.length > mostListed && <li>and {count(failures.length - mostListed)} more</li>}
        </ul>
      )}
      {failures && (
        <div class="notice-actions">
          <button class="button small quiet" type="button" onClick={onClose}>
            Dismiss
          </button>
        </div>
      )}
    </div>
  );
}
