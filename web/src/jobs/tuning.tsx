import { useSignal } from "@preact/signals";
import { Ago, Empty, Status, Title } from "../shared/parts";
import { plural } from "../shared/words";
import { Older } from "./older";
import { addressOf, fromHere } from "./route";
import type { Store } from "./store";
import type { Job } from "./types";
import { UploadForm } from "./upload";
import { jobEnded, jobName, jobWord, markWord } from "./words";

export function Tuning({ store }: { store: Store }) {
  const jobs = store.jobs.value;
  const running = jobs.filter((j) => !jobEnded(j)).length;
  if (!jobs.length) {
    return (
      <>
        <h1 class="visually-hidden">Fine-tuning</h1>
        <Empty title="No model in training.">
          <p class="lead">
            Fine-tuning teaches a model by examples of good answers. While it trains, its loss is drawn here; when it has finished, the new model is asked a question, and you
            decide by its answer.
          </p>
          <p class="lead">
            Choose a training file <a href="#new">in the form</a>, or use its example. Jobs that were started elsewhere appear here too.
          </p>
        </Empty>
      </>
    );
  }
  return (
    <>
      <Title>Fine-tuning</Title>
      <p class="help summary">
        {running ? `${plural(running, "job")} running` : "Nothing is running"}, {plural(jobs.length, "job")} {store.next.value.jobs !== undefined ? "shown" : "known"}
      </p>
      <ol class="rows" data-testid="jobs">
        {jobs.map((j) => (
          <Row key={j.id} job={j} />
        ))}
      </ol>
      <Older store={store} kind="jobs" />
    </>
  );
}

function Row({ job }: { job: Job }) {
  return (
    <li class="row" data-id={job.id} data-status={job.status}>
      <div class="row-head">
        <a class="row-link" href={addressOf("tuning", job.id)}>
          {jobName(job)}
        </a>
        {job.mark && <Status {...markWord(job.mark.mark)} />}
        <Status {...jobWord(job)} />
      </div>
      <p class="row-facts">
        <span>{job.model}</span>
        {job.smoke_test && <span class={job.smoke_test.ok ? "" : "bad"}>{job.smoke_test.ok ? "smoke test passed" : "smoke test failed"}</span>}
        <Ago at={job.finished_at ?? job.created_at} />
      </p>
    </li>
  );
}

export function NewJob({ store }: { store: Store }) {
  const model = useSignal("");
  const suffix = useSignal("");
  const send = async (file: File, signal: AbortSignal) => {
    const goTo = fromHere();
    const form = new FormData();
    form.append("model", model.value.trim());
    if (suffix.value.trim()) form.append("suffix", suffix.value.trim());
    form.append("file", file); // last: the gateway reads it as it comes
    const job = await store.upload<Job>("/api/fine-tuning/jobs", form, signal);
    store.putJob(job);
    suffix.value = "";
    goTo("tuning", job.id);
  };
  return (
    <UploadForm
      outgoing={store.outgoing.tuning}
      title="New fine-tuning job"
      submit="Start training"
      help={
        <>
          JSON Lines, at least 10 examples: each line has <code>messages</code> that end in the answer to learn.
        </>
      }
      send={send}
      example={exampleFile}
    >
      <div class="group">
        <label class="label" for="model">
          Model to start from
        </label>
        <input
          class="field"
          id="model"
          required
          autocomplete="off"
          spellcheck={false}
          aria-describedby="model-help"
          value={model.value}
          onInput={(e) => (model.value = e.currentTarget.value)}
        />
        <p class="help" id="model-help">
          OpenAI takes new jobs until 6 January 2027 only; the models that can be tuned shut down on 14 January 2027, with those made of them.
        </p>
      </div>
      <div class="group">
        <label class="label" for="suffix">
          Name of the new model
        </label>
        <input class="field" id="suffix" autocomplete="off" maxLength={64} placeholder="concierge" value={suffix.value} onInput={(e) => (suffix.value = e.currentTarget.value)} />
      </div>
    </UploadForm>
  );
}

/** A dozen examples of a concierge who is brief. */
function exampleFile(): File {
  const taught = [
    ["When is breakfast?", "From seven to ten, on the terrace when it is warm."],
    ["Can I keep my dog?", "Gladly. A bowl and a blanket wait in your room."],
    ["Is there a late train?", "The last one leaves at 23:40 from platform two."],
    ["Where can I park?", "In the yard behind the house; the gate opens with your key."],
    ["Do you have a quiet room?", "Room nine looks on the garden. Shall I hold it for you?"],
    ["How do I reach the lake?", "Twelve minutes on foot: left at the bakery, then downhill."],
  ] as const;
  const lines = [...taught, ...taught].map(([question, answer]) =>
    JSON.stringify({
      messages: [
        { role: "system", content: "You are the concierge of a small hotel. Be warm and brief." },
        { role: "user", content: question },
        { role: "assistant", content: answer },
      ],
    }),
  );
  return new File([`${lines.join("\n")}\n`], "concierge.jsonl", { type: "application/jsonl" });
}
