import { Ago, Empty, Status, Title } from "../shared/parts";
import { Pager, Pages } from "./pages";
import { addressOf } from "./route";
import { type Store, usePolled } from "./store";
import type { Broadcast, BroadcastPage } from "./types";
import { audience, broadcastWord } from "./words";

/** Where in the list of broadcasts one is. */
export const pages = new Pages("broadcasts");

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
        <span>to {audience(b.select, b.sessions ?? [])}</span>
        <span>{b.mode === "replace" ? "in place of their own" : "added to their own"}</span>
        {b.sticky && <span>new sessions too</span>}
        <span>by {b.by}</span>
        <Ago at={b.created_at} />
      </p>
    </li>
  );
}
