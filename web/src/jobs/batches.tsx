import { useSignal } from "@preact/signals";
import { Ago, Empty, Status, Title } from "../shared/parts";
import { count, plural } from "../shared/words";
import { Older } from "./older";
import { Progress } from "./progress";
import { addressOf, fromHere } from "./route";
import type { Store } from "./store";
import type { Batch } from "./types";
import { UploadForm } from "./upload";
import { batchEnded, batchName, batchWord } from "./words";

export function Batches({ store }: { store: Store }) {
  const batches = store.batches.value;
  const running = batches.filter((b) => !batchEnded(b)).length;
  if (!batches.length) {
    return (
      <>
        <h1 class="visually-hidden">Batches</h1>
        <Empty title="No batch yet.">
          <p class="lead">
            A batch is a file of requests that OpenAI answers within a day, at half the price. Each line of the file is one request; its answer comes back under the same{" "}
            <code>custom_id</code>.
          </p>
          <p class="lead">
            Choose a file <a href="#new">in the form</a>, or use its example of 100 requests. Batches that were submitted elsewhere appear here too.
          </p>
        </Empty>
      </>
    );
  }
  return (
    <>
      <Title>Batches</Title>
      <p class="help summary">
        {running ? `${plural(running, "batch", "batches")} running` : "Nothing is running"}, {plural(batches.length, "batch", "batches")}{" "}
        {store.next.value.batches !== undefined ? "shown" : "known"}
      </p>
      <ol class="rows" data-testid="batches">
        {batches.map((b) => (
          <Row key={b.id} batch={b} />
        ))}
      </ol>
      <Older store={store} kind="batches" />
    </>
  );
}

function Row({ batch }: { batch: Batch }) {
  const { total, completed, failed } = batch.request_counts;
  return (
    <li class="row" data-id={batch.id} data-status={batch.status}>
      <div class="row-head">
        <a class="row-link" href={addressOf("batches", batch.id)}>
          {batchName(batch)}
        </a>
        <Status {...batchWord(batch)} />
      </div>
      <Progress batch={batch} label={`Progress of ${batchName(batch)}`} />
      <p class="row-facts">
        <span>{total ? `${count(completed)} of ${count(total)} answered` : batch.status === "failed" ? "The file was refused" : "Waiting for OpenAI to check the file"}</span>
        {failed > 0 && <span class="bad">{count(failed)} failed</span>}
        {batch.model && <span>{batch.model}</span>}
        {batch.retry_of && <span>retry</span>}
        <Ago at={batch.ended_at ?? batch.created_at} />
      </p>
    </li>
  );
}

export function NewBatch({ store }: { store: Store }) {
  const name = useSignal("");
  const send = async (file: File, signal: AbortSignal) => {
    const goTo = fromHere();
    const form = new FormData();
    form.append("metadata", JSON.stringify({ name: name.value.trim() || file.name.replace(/\.\w+$/, "") }));
    form.append("file", file); // last: the gateway reads it as it comes
    const batch = await store.upload<Batch>("/api/batches", form, signal);
    store.putBatch(batch);
    name.value = "";
    goTo("batches", batch.id);
  };
  return (
    <UploadForm
      outgoing={store.outgoing.batches}
      title="New batch"
      submit="Submit batch"
      help={
        <>
          JSON Lines, up to 50,000 requests: <code>custom_id</code>, <code>method</code>, <code>url</code> and <code>body</code>. Every line is checked before OpenAI gets the file.
        </>
      }
      send={send}
      example={exampleFile}
    >
      <div class="group">
        <label class="label" for="name">
          Name
        </label>
        <input class="field" id="name" autocomplete="off" maxLength={100} placeholder="The file's name" value={name.value} onInput={(e) => (name.value = e.currentTarget.value)} />
      </div>
    </UploadForm>
  );
}

const topics = ["the tides", "a lighthouse", "sourdough", "the first telephone", "northern lights", "a night train", "honeybees", "chess openings", "glaciers", "jazz"];

/** A hundred small requests. */
function exampleFile(): File {
  const lines = Array.from({ length: 100 }, (_, i) => {
    const topic = topics[i % topics.length];
    const content = `Tell me one surprising thing about ${topic}, in a single sentence. (${i + 1})`;
    const body = { model: "gpt-6-luna", messages: [{ role: "user", content }] };
    return JSON.stringify({ custom_id: `request-${i + 1}`, method: "POST", url: "/v1/chat/completions", body });
  });
  return new File([`${lines.join("\n")}\n`], "hundred-questions.jsonl", { type: "application/jsonl" });
}
