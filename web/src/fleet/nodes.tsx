import type { NodesOutputBody, NodeView } from "../schema";
import { Fact } from "../shared/fact";
import { Confirm, Title } from "../shared/parts";
import { type Store, usePolled } from "./store";

/** The nodes and how they are; each can be drained. */
export function Nodes({ store }: { store: Store }) {
  const { answer, again } = usePolled<NodesOutputBody>(store, "The nodes could not be read", () => "/nodes");
  return (
    <>
      <Title>Nodes</Title>
      {answer.value?.nodes.map((n) => (
        <Node key={n.id} store={store} node={n} again={again} />
      ))}
    </>
  );
}

function Node({ store, node: n, again }: { store: Store; node: NodeView; again: () => void }) {
  const order = async (method: "POST" | "DELETE") => {
    await store.attempt("The node was not told", () => store.send(method, `/nodes/${n.id}/drain`));
    again();
  };
  return (
    <section class="node" aria-label={n.url} data-testid="node">
      <h2>
        {n.url} <span class="help">{n.status}</span>
      </h2>
      <dl class="facts-grid">
        <Fact name="Version">{n.version}</Fact>
        <Fact name="Uptime">{Math.round(n.uptime_seconds / 60)} min</Fact>
        <Fact name="Sessions">{n.sessions}</Fact>
        <Fact name="CPU">
          {n.cpu.toFixed(2)} of {n.cores} cores
        </Fact>
        <Fact name="Memory">{Math.round(n.memory_bytes / 2 ** 20)} MiB</Fact>
        <Fact name="Heartbeat">{n.heartbeat_age_seconds.toFixed(1)} s ago</Fact>
        <Fact name="Journal">{n.journal_pending} pending</Fact>
        <Fact name="Redis">{n.store_away_seconds ? `away for ${Math.round(n.store_away_seconds)} s` : `${n.store_round_trip_ms.toFixed(1)} ms`}</Fact>
        <Fact name="OpenAI">{n.upstream}</Fact>
      </dl>
      {n.drained_by ? (
        <button class="button small" type="button" onClick={() => void order("DELETE")}>
          Take sessions again
        </button>
      ) : (
        <Confirm name="Drain" question={`Move the ${n.sessions} sessions of this node to the others?`} action={() => order("POST")} />
      )}
    </section>
  );
}
