import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask } from "../shared/api";
import { apiKey } from "../shared/key";
import { Json } from "../shared/parts";
import { saveFile } from "../shared/save-file";
import { count, explain } from "../shared/words";
import { answered, asked, failure } from "./exchange";
import { readLines } from "./ndjson";
import { partOf, showPart } from "./route";
import type { Store } from "./store";
import type { Batch, ResultLine } from "./types";
import { batchName } from "./words";

type Kind = "results" | "errors";

const pageLines = 25;

/** Which lines are shown. It is in the address, so that it outlives a reload and can be sent to somebody. */
interface Part {
  kind: Kind;
  page: number;
  /** Of the custom_id. */
  search: string;
}

function shownPart({ request_counts: { completed } }: Batch): Part {
  const of = partOf();
  const wanted = of.get("lines");
  const kind = wanted === "results" || wanted === "errors" ? wanted : completed ? "results" : "errors";
  const number = Number(of.get("page"));
  return { kind, page: Number.isSafeInteger(number) && number > 0 ? number - 1 : 0, search: of.get("search") ?? "" };
}

const turnTo = (page: number) => showPart({ page: page ? String(page + 1) : undefined });

/** What was answered and what was not, page by page, and as a file. */
export function Lines({ store, batch }: { store: Store; batch: Batch }) {
  const { completed, failed } = batch.request_counts;
  const { kind, page, search } = shownPart(batch);
  const total = kind === "results" ? completed : failed;
  const more = useSignal(false);
  return (
    <section class="results" aria-labelledby="results-title">
      <h2 class="side-title" id="results-title">
        What came back
      </h2>
      <div class="results-bar">
        <div class="tabs">
          {(["results", "errors"] as const).map((k) => (
            <button key={k} class="tab" type="button" aria-pressed={kind === k} onClick={() => showPart({ lines: k, page: undefined, search: undefined })}>
              {k === "results" ? `Answers (${count(completed)})` : `Failed (${count(failed)})`}
            </button>
          ))}
        </div>
        {total > 0 && (
          <>
            <Download store={store} batch={batch} kind={kind} />
            {(kind === "results" ? batch.output_file_id : batch.error_file_id) && <Download store={store} batch={batch} kind={kind} raw />}
          </>
        )}
      </div>
      {total > 1 && <Search key={`${kind}-${search}`} search={search} />}
      {total ? (
        <Page key={`${kind}-${page}-${search}`} batch={batch} part={{ kind, page, search }} more={more} />
      ) : (
        <p class="help">{kind === "results" ? "No request was answered." : "Every request was answered."}</p>
      )}
      {search ? <FoundPager page={page} more={more.value} /> : total > pageLines && <Pager page={page} total={total} />}
    </section>
  );
}

/** Finds lines by a part of their custom_id. */
function Search({ search }: { search: string }) {
  const text = useSignal(search);
  const find = (event: Event) => {
    event.preventDefault();
    showPart({ search: text.value.trim() || undefined, page: undefined });
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: the search element is not known to all browsers yet
    <form class="jump" role="search" onSubmit={find}>
      <label class="label" for="search">
        Find a custom_id
      </label>
      <input
        class="field small"
        id="search"
        type="search"
        autocomplete="off"
        spellcheck={false}
        maxLength={512}
        value={text.value}
        onInput={(e) => (text.value = e.currentTarget.value)}
      />
      <button class="button small" type="submit">
        Find
      </button>
      {search && (
        <button class="button small quiet" type="button" onClick={() => showPart({ search: undefined, page: undefined })}>
          Show all
        </button>
      )}
    </form>
  );
}

function addressOf(batch: Batch, kind: Kind): string {
  return `/api/batches/${encodeURIComponent(batch.id)}/${kind}`;
}

/** One page; another one is another component, so that no line is shown as what it is not. `more` tells whether another one follows. */
function Page({ batch, part: { kind, page, search }, more }: { batch: Batch; part: Part; more: Signal<boolean> }) {
  const lines = useSignal<ResultLine[]>([]);
  const problem = useSignal("");
  const reading = useSignal(true);
  useEffect(() => {
    more.value = false;
    const closing = new AbortController();
    void read(closing.signal);
    return () => closing.abort();
  }, []);
  async function read(signal: AbortSignal): Promise<void> {
    const query = new URLSearchParams({ include: "request", offset: String(page * pageLines), limit: String(pageLines + 1) });
    if (search) query.set("search", search);
    const found: ResultLine[] = [];
    try {
      const response = await ask({ method: "GET", path: `${addressOf(batch, kind)}?${query}`, key: apiKey.peek(), signal, patient: true });
      for await (const line of readLines<ResultLine>(response.body as ReadableStream<Uint8Array>)) {
        if (signal.aborted) return;
        found.push(line);
        lines.value = found.slice(0, pageLines);
        more.value = found.length > pageLines;
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
      {!reading.value && !problem.value && lines.value.length === 0 && <p class="help">{search && page === 0 ? `No custom_id contains “${search}”.` : "There are no more."}</p>}
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

/** Pages of what was found: how much it is, is not known. */
function FoundPager({ page, more }: { page: number; more: boolean }) {
  if (page === 0 && !more) return null;
  return (
    <nav class="pager" aria-label="Pages of lines">
      <Turn name="Previous" to={page - 1} off={page === 0} />
      <span data-testid="page">Page {page + 1}</span>
      <Turn name="Next" to={page + 1} off={!more} />
    </nav>
  );
}

function Pager({ page, total }: { page: number; total: number }) {
  const last = Math.ceil(total / pageLines) - 1;
  const wanted = useSignal("");
  const jump = (event: Event) => {
    event.preventDefault();
    turnTo(Math.floor((Number(wanted.value) - 1) / pageLines));
  };
  return (
    <nav class="pager" aria-label="Pages of lines">
      <Turn name="Previous" to={page - 1} off={page === 0} />
      <span data-testid="page">
        {count(Math.min(total, page * pageLines + 1))}–{count(Math.min(total, (page + 1) * pageLines))} of {count(total)}
      </span>
      <Turn name="Next" to={page + 1} off={page >= last} />
      <form class="jump" onSubmit={jump}>
        <label class="label" for="jump">
          Go to number
        </label>
        <input class="field small" id="jump" type="number" min={1} max={total} required value={wanted.value} onInput={(e) => (wanted.value = e.currentTarget.value)} />
      </form>
    </nav>
  );
}

function Turn({ name, to, off }: { name: string; to: number; off: boolean }) {
  return (
    <button class="button small" type="button" aria-disabled={off} onClick={() => off || turnTo(to)}>
      {name}
    </button>
  );
}

/** All lines as a file: the gateway's, which name the request's line, or OpenAI's own, byte for byte. */
function Download({ store, batch, kind, raw }: { store: Store; batch: Batch; kind: Kind; raw?: boolean }) {
  const busy = useSignal(false);
  const download = async () => {
    busy.value = true;
    await store.attempt("The file could not be downloaded", async () => {
      const response = await ask({ method: "GET", path: `${addressOf(batch, kind)}${raw ? "?format=openai" : ""}`, key: apiKey.value, patient: true });
      saveFile(`${batchName(batch)}-${kind}${raw ? "-openai" : ""}.jsonl`, await response.blob());
    });
    busy.value = false;
  };
  return (
    <button class="button small quiet" type="button" aria-disabled={busy.value} onClick={download}>
      {busy.value ? "Downloading…" : raw ? "OpenAI's file" : "Download all"}
    </button>
  );
}
