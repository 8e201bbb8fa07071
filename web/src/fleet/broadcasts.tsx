import { useSignal } from "@preact/signals";
import { setApiKey } from "../shared/key";
import { Ago, Empty, Segments, Status, Title } from "../shared/parts";
import type { Labels } from "./labels";
import { LabelsField } from "./labels-field";
import { Pager, Pages } from "./pages";
import { addressOf, fromHere } from "./route";
import { type Store, usePolled } from "./store";
import type { Broadcast, BroadcastPage, BroadcastStatus, Mode } from "./types";
import { audience, broadcastWord } from "./words";

const pages = new Pages();

/** Everything that was told to the fleet, newest first. */
export function Broadcasts({ store }: { store: Store }) {
  const { answer } = usePolled<BroadcastPage>(store, "The broadcasts could not be read", () => {
    const before = pages.cursor && `&before=${encodeURIComponent(pages.cursor)}`;
    return `/realtime/broadcasts?limit=50${before}`;
  });
  const list = answer.value;
  if (list && !list.broadcasts.length && !pages.cursor) {
    return (
      <>
        <h1 class="visually-hidden">Broadcasts</h1>
        <Empty title="No broadcast yet.">
          <p class="lead">
            A broadcast changes the instructions of every live session at once, or of those with some labels. What they answer at the moment is not disturbed; you see session by
            session what became of it, and can take it back.
          </p>
          <p class="lead">
            Write one <a href="#new">in the form</a>.
          </p>
        </Empty>
      </>
    );
  }
  return (
    <>
      <Title>Broadcasts</Title>
      <p class="help summary">What was told to the fleet</p>
      <ol class="rows" data-testid="broadcasts">
        {list?.broadcasts.map((b) => (
          <Row key={b.id} broadcast={b} />
        ))}
      </ol>
      <Pager pages={pages} next={list?.next} label="Pages of broadcasts" />
    </>
  );
}

function Row({ broadcast: b }: { broadcast: Broadcast }) {
  return (
    <li class="row" data-id={b.id}>
      <div class="row-head">
        <a class="row-link clamped" href={addressOf("broadcasts", b.id)}>
          {b.instructions}
        </a>
        <Status {...broadcastWord(b)} />
      </div>
      <p class="row-facts">
        <span>to {audience(b.select)}</span>
        <span>{b.mode === "replace" ? "in place of their own" : "added to their own"}</span>
        {b.sticky && <span>new sessions too</span>}
        <span>by {b.by}</span>
        <Ago at={b.created_at} />
      </p>
    </li>
  );
}

/** Shown to a key that may not. */
export function OperatorsOnly() {
  return (
    <>
      <h1 class="visually-hidden">Broadcasts</h1>
      <Empty title="Broadcasts need an operator.">
        <p class="lead">This key sees and steers the sessions that it opened itself. To tell something to the whole fleet, use a key with the role operator.</p>
        <p>
          <button class="button" type="button" onClick={() => setApiKey("")}>
            Use another key
          </button>
        </p>
      </Empty>
    </>
  );
}

export function NewBroadcast({ store }: { store: Store }) {
  const instructions = useSignal("");
  const mode = useSignal<Mode>("append");
  const select = useSignal<Labels>({});
  const sticky = useSignal(false);
  const sending = useSignal(false);
  const send = async (event: Event) => {
    event.preventDefault();
    if (sending.value) return;
    if (!instructions.value.trim()) return document.getElementById("instructions")?.focus();
    sending.value = true;
    const goTo = fromHere();
    await store.attempt("The broadcast was not taken", async () => {
      const body = { instructions: instructions.value.trim(), mode: mode.value, select: select.value, sticky: sticky.value };
      const made = await store.send<BroadcastStatus>("POST", "/realtime/broadcasts", body);
      store.said.value = "The broadcast is sent";
      if (instructions.value.trim() === body.instructions) instructions.value = ""; // what is written meanwhile stays
      pages.newest();
      goTo("broadcasts", made.id);
    });
    sending.value = false;
  };
  return (
    <form class="form" id="new" tabIndex={-1} aria-labelledby="new-title" onSubmit={send}>
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
      <button class="button primary wide" type="submit" data-testid="submit" aria-disabled={sending.value}>
        {sending.value ? "Sending…" : `Send to ${audience(select.value)}`}
      </button>
    </form>
  );
}
