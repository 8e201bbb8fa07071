import { useSignal } from "@preact/signals";
import { Fact } from "../shared/fact";
import { Ago, Confirm, Status, Title } from "../shared/parts";
import { count, duration, plural } from "../shared/words";
import { Lines } from "./lines";
import { Progress } from "./progress";
import { addressOf, fromHere } from "./route";
import type { Store } from "./store";
import type { Batch } from "./types";
import { batchEnded, batchName, batchWord } from "./words";

const back = { href: addressOf("batches"), name: "Batches" };

/** One batch: how far it is, what can be done with it, and what came of it. */
export function BatchView({ store, batch }: { store: Store; batch: Batch }) {
  const { total, completed, failed } = batch.request_counts;
  const ended = batchEnded(batch);
  return (
    <article class="detail" data-testid="batch" data-status={batch.status}>
      <Title back={back}>{batchName(batch)}</Title>
      <div class="hero">
        <p class="figure-number" data-testid="percent">
          {total ? Math.floor((100 * (completed + failed)) / total) : 0}
          <span class="figure-unit">%</span>
        </p>
        <div class="hero-text">
          <Status {...batchWord(batch)} />
          <p class="figure-caption">
            {total ? `${count(completed)} of ${plural(total, "request")} answered` : "OpenAI checks the file first"}
            {failed > 0 && <span class="bad">, {count(failed)} failed</span>}
          </p>
        </div>
        <Actions store={store} batch={batch} />
      </div>
      <Progress batch={batch} label="Progress" />
      {batch.stale && <p class="help">OpenAI could not be asked; this is the last known state.</p>}
      {batch.errors?.length ? <Refused errors={batch.errors} /> : null}
      <Facts batch={batch} />
      {ended && (completed > 0 || failed > 0) && <Lines key={batch.id} store={store} batch={batch} />}
      {!ended && <p class="help">Answers can be read here as soon as the batch has ended. You may leave the page; it goes on.</p>}
    </article>
  );
}

function Actions({ store, batch }: { store: Store; batch: Batch }) {
  const path = `/api/batches/${encodeURIComponent(batch.id)}`;
  const left = batch.request_counts.total - batch.request_counts.completed;
  const cancel = () =>
    store.attempt("The batch could not be cancelled", async () => {
      store.putBatch(await store.send<Batch>("POST", `${path}/cancel`));
    });
  const retrying = useSignal(false);
  // Asked for again, a retry is the same batch, unless OpenAI refused that one as a whole.
  const made = batch.retried_by && store.batches.value.find((b) => b.id === batch.retried_by)?.status !== "failed";
  const tryAgain = async () => {
    const goTo = fromHere();
    retrying.value = true;
    const retry = await store.attempt("The requests could not be tried again", () => store.send<Batch>("POST", `${path}/retry`));
    retrying.value = false;
    if (!retry) return;
    store.putBatch(retry);
    goTo("batches", retry.id);
  };
  return (
    <div class="actions">
      {!batchEnded(batch) && batch.status !== "cancelling" && <Confirm name="Cancel" question="Stop this batch?" action={cancel} />}
      {batchEnded(batch) && left > 0 && batch.status !== "failed" && !made && (
        <button class="button small" type="button" aria-disabled={retrying.value} onClick={tryAgain}>
          {retrying.value ? "Trying…" : `Try ${plural(left, "request")} again`}
        </button>
      )}
    </div>
  );
}

function Refused({ errors }: { errors: NonNullable<Batch["errors"]> }) {
  return (
    <div class="notice stack" data-tone="error">
      <strong>OpenAI refused the file</strong>
      <ul class="line-problems">
        {errors.map((e, i) => (
          <li key={i}>
            {e.line ? <span class="line-number">line {e.line}</span> : null} {e.message}
          </li>
        ))}
      </ul>
      <p>Correct the file and submit it again.</p>
    </div>
  );
}

function Facts({ batch }: { batch: Batch }) {
  const { usage } = batch;
  return (
    <dl class="facts-grid">
      <Fact name="Submitted">
        <Ago at={batch.created_at} />
      </Fact>
      {batch.ended_at && <Fact name="Took">{duration(batch.ended_at - batch.created_at)}</Fact>}
      {!batchEnded(batch) && batch.expires_at && <Fact name="At the latest">{new Date(batch.expires_at * 1000).toLocaleString()}</Fact>}
      {batch.model && <Fact name="Model">{batch.model}</Fact>}
      <Fact name="Endpoint">
        <code class="id">{batch.endpoint}</code>
      </Fact>
      {usage && (
        <Fact name="Tokens">
          {count(usage.input_tokens)} in, {count(usage.output_tokens)} out
        </Fact>
      )}
      {batch.cost_usd !== undefined && <Fact name="Cost">${batch.cost_usd.toFixed(4)}</Fact>}
      {batch.retry_of && (
        <Fact name="Retry of">
          <a href={addressOf("batches", batch.retry_of)}>
            <code class="id">{batch.retry_of}</code>
          </a>
        </Fact>
      )}
      {batch.retried_by && (
        <Fact name="Tried again as">
          <a href={addressOf("batches", batch.retried_by)}>
            <code class="id">{batch.retried_by}</code>
          </a>
        </Fact>
      )}
      <Fact name="ID">
        <code class="id">{batch.id}</code>
      </Fact>
    </dl>
  );
}
