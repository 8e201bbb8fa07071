import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Segments } from "../shared/parts";
import { Poll } from "../shared/poll";
import { plural } from "../shared/words";
import { pages } from "./broadcasts";
import { type Labels, sayLabels } from "./labels";
import { LabelsField } from "./labels-field";
import { fromHere } from "./route";
import type { Store } from "./store";
import type { BroadcastStatus, Mode, SessionPage } from "./types";
import { audience } from "./words";

const everyMs = 3_000;

export function NewBroadcast({ store }: { store: Store }) {
  const instructions = useSignal("");
  const mode = useSignal<Mode>("append");
  const select = useSignal<Labels>({});
  const sticky = useSignal(false);
  const sending = useSignal(false);
  const asking = useSignal(false);
  const reach = useReach(store, () => select.value);
  const everybody = Object.keys(select.value).length === 0;
  const send = async () => {
    sending.value = true;
    const goTo = fromHere();
    await store.attempt("The broadcast was not taken", async () => {
      const body = { instructions: instructions.value.trim(), mode: mode.value, select: select.value, sticky: sticky.value };
      const made = await store.send<BroadcastStatus>("POST", "/realtime/broadcasts", body);
      store.said.value = "The broadcast is sent";
      if (instructions.value.trim() === body.instructions) instructions.value = ""; // what is written meanwhile stays
      // The next one begins without this one's audience and mode.
      mode.value = "append";
      select.value = {};
      sticky.value = false;
      pages.newest();
      goTo("broadcasts", made.id);
    });
    sending.value = false;
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (sending.value) return;
    if (!instructions.value.trim()) return document.getElementById("instructions")?.focus();
    if (mode.value === "replace" || everybody) asking.value = true;
    else void send();
  };
  return (
    <form class="form" id="new" tabIndex={-1} aria-labelledby="new-title" onSubmit={submit}>
      <h2 class="side-title" id="new-title">
        New broadcast
      </h2>
      <div class="group">
        <label class="label" for="instructions">
          Instructions
        </label>
        <textarea
          class="field"
          id="instructions"
          rows={5}
          required
          maxLength={16_384}
          placeholder="The office closes at four today. Say so when it matters."
          value={instructions.value}
          onInput={(e) => (instructions.value = e.currentTarget.value)}
        />
      </div>
      <Segments
        name="mode"
        legend="Each session's own instructions"
        chosen={mode.value}
        onChoose={(value) => (mode.value = value)}
        choices={[
          { value: "append", label: "Add to them" },
          { value: "replace", label: "Replace them" },
        ]}
      />
      <LabelsField
        id="select"
        label="Only sessions with"
        help="Labels, separated by commas. Left empty, it is for every session."
        labels={select.value}
        onLabels={(labels) => (select.value = labels)}
      />
      <label class="check">
        <input type="checkbox" checked={sticky.value} onChange={(e) => (sticky.value = e.currentTarget.checked)} />
        New sessions get it too
      </label>
      <p class="help small" data-testid="reach">
        {reach.value === "" ? "Counting…" : `${reach.value} now`}
      </p>
      {asking.value ? (
        <Question
          question={`${mode.value === "replace" ? "Replace the instructions of" : "Change"} ${everybody ? "every session: " : ""}${reach.value || audience(select.value)}?`}
          onAnswer={(yes) => {
            asking.value = false;
            if (yes) void send();
          }}
        />
      ) : (
        <button class="button primary wide" type="submit" data-testid="submit" data-catches-focus aria-disabled={sending.value}>
          {sending.value ? "Sending…" : `Send to ${audience(select.value)}`}
        </button>
      )}
    </form>
  );
}

function Question({ question, onAnswer }: { question: string; onAnswer(yes: boolean): void }) {
  const no = useRef<HTMLButtonElement>(null);
  useEffect(() => no.current?.focus(), []);
  return (
    <fieldset class="question" data-testid="question" onKeyDown={(e) => e.key === "Escape" && onAnswer(false)}>
      <legend class="label">{question}</legend>
      <div class="actions">
        <button class="button small" type="button" ref={no} onClick={() => onAnswer(false)}>
          No
        </button>
        <button class="button small danger" type="button" onClick={() => onAnswer(true)}>
          Send it
        </button>
      </div>
    </fieldset>
  );
}

/** How many live sessions labels select, in words, counted by the gateway again and again. */
function useReach(store: Store, select: () => Labels) {
  const said = useSignal("");
  useSignalEffect(() => {
    const labels = select();
    said.value = "";
    const counting = new Poll(async (signal) => {
      const words = await sayReach(store, labels, signal).catch(() => undefined); // the list tells what is wrong
      if (signal.aborted) return false;
      if (words !== undefined) said.value = words;
      return true;
    }, everyMs);
    return () => counting.stop();
  });
  return said;
}

async function sayReach(store: Store, labels: Labels, signal: AbortSignal): Promise<string> {
  const ask = (status: string) => {
    const query = new URLSearchParams({ limit: "1", fields: "summary", ...(status && { status }) });
    for (const pair of sayLabels(labels).split(", ")) if (pair) query.append("label", pair);
    return store.get<SessionPage>(`/realtime/sessions?${query}`, signal);
  };
  if (!Object.keys(labels).length) {
    const { totals } = await ask("");
    return `${plural(totals.live, "session")} on ${plural(Object.keys(totals.nodes).length, "node")}`;
  }
  const [created, active] = await Promise.all([ask("created"), ask("active")]);
  return plural(created.total + active.total, "session");
}
