import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask } from "../shared/api";
import { apiKey } from "../shared/key";
import { Json } from "../shared/parts";
import { count, explain } from "../shared/words";
import { answered, asked, failure } from "./exchange";
import { readLines } from "./ndjson";
import type { Store } from "./store";
import type { Batch, ResultLine } from "./types";
import { batchName } from "./words";

type Kind = "results" | "errors";

const pageLines = 25;

/** What was answered and what was not, page by page, and as a file. */
export function Lines({ store, batch }: { store: Store; batch: Batch }) {
  const { completed, failed } = batch.request_counts;
  const kind = useSignal<Kind>(completed ? "results" : "errors");
  const page = useSignal(0);
  const total = kind.value === "results" ? completed : failed;
  const choose = (next: Kind) => {
    page.value = 0;
    kind.value = next;
  };
  return (
    <section class="results" aria-labelledby="results-title">
      <h2 class="side-title" id="results-title">
        What came back
      </h2>
      <div class="results-bar">
        <div class="tabs">
          {(["results", "errors"] as const).map((k) => (
            <button key={k} class="tab" type="button" aria-pressed={kind.value === k} onClick={() => choose(k)}>
              {k === "results" ? `Answers (${count(completed)})` : `Failed (${count(failed)})`}
            </button>
          ))}
        </div>
        {total > 0 && (
          <>
            <Download store={store} batch={batch} kind={kind.value} />
            {(kind.value === "results" ? batch.output_file_id : batch.error_file_id) && <Download store={store} batch={batch} kind={kind.value} raw />}
          </>
        )}
      </div>
      {total ? (
        <Page key={`${kind.value}-${page.value}`} batch={batch} kind={kind.value} page={page.value} />
      ) : (
        <p class="help">{kind.value === "results" ? "No request was answered." : "Every request was answered."}</p>
      )}
      {total > pageLines && <Pager page={page.value} total={total} onTurn={(next) => (page.value = next)} />}
    </section>
  );
}

function addressOf(batch: Batch, kind: Kind): string {
  return `/api/batches/${encodeURIComponent(batch.id)}/${kind}`;
}

/** One page; another one is another component, so that no line is shown as what it is not. */
function Page({ batch, kind, page }: { batch: Batch; kind: Kind; page: number }) {
  const lines = useSignal<ResultLine[]>([]);
  const problem = useSignal("");
  const reading = useSignal(true);
  useEffect(() => {
    const closing = new AbortController();
    void read(closing.signal);
    return () => closing.abort();
  }, []);
  async function read(signal: AbortSignal): Promise<void> {
    const path = `${addressOf(batch, kind)}?include=request&offset=${page * pageLines}&limit=${pageLines}`;
    const found: ResultLine[] = [];
    try {
      const response = await ask({ method: "GET", path, key: apiKey.peek(), signal, patient: true });
      for await (const line of readLines<ResultLine>(response.body as ReadableStream<Uint8Array>)) {
        if (signal.aborted) return;
        found.push(line);
        lines.value = [...found];
      }
    } catch (said) {
      if (signal.aborted) return;
      const { title, advice } = explain(said, "The lines could not be read");
      problem.value = `${title}. ${advice}`;
    } finally {
      if (!signal.aborted) reading.value = false;
    }
  }
  return (
    <>
      {problem.value && (
        <p class="notice" data-tone="error" role="alert">
          {problem.value}
        </p>
      )}
      <ol class="exchanges" aria-busy={reading.value} data-testid="lines" start={page * pageLines + 1}>
        {lines.value.map((line, i) => (
          <Exchange key={i} line={line} kind={kind} />
        ))}
      </ol>
    </>
  );
}

function Exchange({ line, kind }: { line: ResultLine; kind: Kind }) {
  return (
    <li class="exchange">
      <p class="exchange-id">
        <code>{line.custom_id ?? "(none)"}</code>
        {line.line ? <span>line {line.line}</span> : null}
        {line.status_code ? <span class={kind === "errors" ? "bad" : ""}>{line.status_code}</span> : null}
      </p>
      <p class="line" data-role="user">
        <span class="speaker">Asked</span>
        <span class="said">{asked(line.request)}</span>
      </p>
      <p class="line" data-role={kind === "results" ? "assistant" : "failure"}>
        <span class="speaker">{kind === "results" ? "Answered" : "Failed"}</span>
        <span class="said">{kind === "results" ? answered(line.response) : failure(line)}</span>
      </p>
      <details class="fold">
        <summary>JSON</summary>
        <Json value={line} label={`JSON of ${line.custom_id}`} />
      </details>
    </li>
  );
}

function Pager({ page, total, onTurn }: { page: number; total: number; onTurn(page: number): void }) {
  const last = Math.ceil(total / pageLines) - 1;
  const wanted = useSignal("");
  const jump = (event: Event) => {
    event.preventDefault();
    onTurn(Math.floor((Number(wanted.value) - 1) / pageLines));
  };
  return (
    <nav class="pager" aria-label="Pages of lines">
      <button class="button small" type="button" aria-disabled={page === 0} onClick={() => onTurn(page - 1)}>
        Previous
      </button>
      <span data-testid="page">
        {count(page * pageLines + 1)}–{count(Math.min(total, (page + 1) * pageLines))} of {count(total)}
      </span>
      <button class="button small" type="button" aria-disabled={page === last} onClick={() => onTurn(page + 1)}>
        Next
      </button>
      <form class="jump" onSubmit={jump}>
        <label class="label" for="jump">
          Go to number
        </label>
        <input class="field small" id="jump" type="number" min={1} max={total} required value={wanted.value} onInput={(e) => (wanted.value = e.currentTarget.value)} />
      </form>
    </nav>
  );
}

/** All lines as a file: the gateway's, which name the request's line, or OpenAI's own, byte for byte. */
function Download({ store, batch, kind, raw }: { store: Store; batch: Batch; kind: Kind; raw?: boolean }) {
  const busy = useSignal(false);
  const download = async () => {
    busy.value = true;
    await store.attempt("The file could not be downloaded", async () => {
      const response = await ask({ method: "GET", path: `${addressOf(batch, kind)}${raw ? "?format=openai" : ""}`, key: apiKey.value, patient: true });
      const address = URL.createObjectURL(await response.blob());
      Object.assign(document.createElement("a"), { href: address, download: `${batchName(batch)}-${kind}${raw ? "-openai" : ""}.jsonl` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    });
    busy.value = false;
  };
  return (
    <button class="button small quiet" type="button" aria-disabled={busy.value} onClick={download}>
      {busy.value ? "Downloading…" : raw ? "OpenAI's file" : "Download all"}
    </button>
  );
}
