import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Fact } from "../shared/fact";
import { Ago, Confirm, Status, Title } from "../shared/parts";
import { count, duration } from "../shared/words";
import { Curve } from "./curve";
import { addressOf } from "./route";
import type { Store } from "./store";
import type { Checkpoint, Job, JobEvent, Mark, Point } from "./types";
import { jobEnded, jobName, jobWord, markWord } from "./words";

const back = { href: addressOf("tuning"), name: "Fine-tuning" };

const pathOf = (job: Job, rest = "") => `/api/fine-tuning/jobs/${encodeURIComponent(job.id)}${rest}`;

/** One fine-tuning job: its curve, its model's first answer, and what is to be done with the model. */
export function JobView({ store, job }: { store: Store; job: Job }) {
  const points = usePoints(store, job);
  const last = points.findLast((p) => p.train_loss !== undefined);
  const cancel = () =>
    store.attempt("The job could not be cancelled", async () => {
      store.putJob(await store.send<Job>("POST", pathOf(job, "/cancel")));
    });
  return (
    <article class="detail" data-testid="job" data-status={job.status}>
      <Title back={back}>{jobName(job)}</Title>
      <div class="hero">
        <p class={`figure-number ${last ? "" : "quiet"}`} data-testid="loss">
          {last?.train_loss?.toFixed(2) ?? "–"}
        </p>
        <div class="hero-text">
          <Status {...jobWord(job)} />
          <p class="figure-caption">{last ? `training loss at step ${last.step}` : "The loss appears with the first step"}</p>
        </div>
        <div class="actions">{!jobEnded(job) && <Confirm name="Cancel" question="Stop this training?" action={cancel} />}</div>
      </div>
      {job.error && (
        <p class="notice" data-tone="error">
          <span>
            <strong>The training failed.</strong> {job.error}
          </span>
        </p>
      )}
      {points.length > 1 && <Curve points={points} />}
      {job.status === "succeeded" && <Smoke store={store} job={job} />}
      <Facts job={job} />
      <More store={store} job={job} />
    </article>
  );
}

/** The points read once, and those that the stream brings. */
function usePoints(store: Store, job: Job): Point[] {
  const read = useSignal<Point[]>([]);
  useEffect(() => {
    const closing = new AbortController();
    store.get<{ points: Point[] }>(pathOf(job, "/metrics"), closing.signal).then(
      (answer) => (read.value = answer.points),
      () => undefined, // the curve grows with what the stream brings
    );
    return () => closing.abort();
  }, [job.id, job.status]);
  const steps = new Map<number, Point>();
  for (const p of [...read.value, ...(store.points.value[job.id] ?? [])]) steps.set(p.step, { ...steps.get(p.step), ...p });
  return [...steps.values()].sort((a, b) => a.step - b.step);
}

function Smoke({ store, job }: { store: Store; job: Job }) {
  const { smoke_test: smoke, mark } = job;
  const asking = useSignal(false);
  // How the model stands is the stream's to tell: it may have told more than an answer knows.
  const setMark = (next: Mark) => store.attempt("The model could not be marked", () => store.send("POST", pathOf(job, "/mark"), { mark: next }));
  const again = async () => {
    asking.value = true;
    await store.attempt("The model could not be asked", () => store.send("POST", pathOf(job, "/smoke-test")));
    asking.value = false;
  };
  return (
    <section class="smoke" aria-labelledby="smoke-title" data-testid="smoke">
      <div class="results-bar">
        <h2 class="side-title" id="smoke-title">
          The new model's first answer
        </h2>
        {smoke && <Status text={smoke.ok ? "Smoke test passed" : "Smoke test failed"} tone={smoke.ok ? "good" : "bad"} />}
      </div>
      {smoke ? (
        <div class="exchange">
          <p class="line" data-role="user">
            <span class="speaker">Asked</span>
            <span class="said">{smoke.prompt}</span>
          </p>
          <p class="line" data-role={smoke.ok ? "assistant" : "failure"}>
            <span class="speaker">{smoke.answer ? "Answered" : "Failed"}</span>
            <span class="said">{smoke.answer || smoke.error}</span>
          </p>
          {smoke.error && smoke.answer && <p class="bad">{smoke.error}</p>}
        </div>
      ) : (
        <p class="help">No question was asked yet.</p>
      )}
      <div class="verdict">
        <p>
          {mark ? (
            <>
              <Status {...markWord(mark.mark)} /> <span class="help">marked by {mark.by === "smoke test" ? "the smoke test" : mark.by}</span> <Ago at={mark.at} />
            </>
          ) : (
            <span class="help">Nobody has marked the model yet.</span>
          )}
        </p>
        <div class="actions">
          <button class="button small quiet" type="button" aria-disabled={asking.value} onClick={again}>
            {asking.value ? "Asking…" : "Ask again"}
          </button>
          <button class="button small" type="button" aria-disabled={mark?.mark === "held"} onClick={() => setMark("held")}>
            Hold
          </button>
          <button class="button small primary" type="button" aria-disabled={mark?.mark === "promoted"} onClick={() => setMark("promoted")}>
            Promote
          </button>
        </div>
      </div>
    </section>
  );
}

function Facts({ job }: { job: Job }) {
  return (
    <dl class="facts-grid">
      {job.fine_tuned_model && (
        <Fact name="New model">
          <code class="id">{job.fine_tuned_model}</code>
        </Fact>
      )}
      <Fact name="From">{job.model}</Fact>
      <Fact name="Started">
        <Ago at={job.created_at} />
      </Fact>
      {job.finished_at ? <Fact name="Took">{duration(job.finished_at - job.created_at)}</Fact> : null}
      {!jobEnded(job) && job.estimated_finish ? <Fact name="Expected">{new Date(job.estimated_finish * 1000).toLocaleTimeString()}</Fact> : null}
      {job.trained_tokens ? <Fact name="Tokens">{count(job.trained_tokens)} trained</Fact> : null}
      <Fact name="ID">
        <code class="id">{job.id}</code>
      </Fact>
    </dl>
  );
}

/** Checkpoints and the job's own log, read when they are opened. */
function More({ store, job }: { store: Store; job: Job }) {
  const checkpoints = useSignal<Checkpoint[] | undefined>(undefined);
  const events = useSignal<JobEvent[] | undefined>(undefined);
  const open = (read: () => Promise<void>) => (e: { currentTarget: HTMLDetailsElement }) => {
    if (e.currentTarget.open) void store.attempt("It could not be read", read);
  };
  return (
    <>
      <details
        class="fold"
        onToggle={open(async () => {
          checkpoints.value = (await store.get<{ checkpoints: Checkpoint[] }>(pathOf(job, "/checkpoints"))).checkpoints;
        })}
      >
        <summary>Checkpoints</summary>
        <ul class="log">
          {checkpoints.value?.map((c) => (
            <li key={c.id}>
              <span>step {c.step_number}</span>
              <span>loss {c.metrics.train_loss?.toFixed(3) ?? "–"}</span>
              <code class="id">{c.fine_tuned_model_checkpoint}</code>
            </li>
          ))}
          {checkpoints.value?.length === 0 && <li>None was made yet.</li>}
        </ul>
      </details>
      <details
        class="fold"
        onToggle={open(async () => {
          events.value = (await store.get<{ events: JobEvent[] }>(pathOf(job, "/events?limit=100"))).events;
        })}
      >
        <summary>Log</summary>
        <ul class="log">
          {events.value?.map((e) => (
            <li key={e.id}>
              <Ago at={e.created_at} />
              <span class={e.level === "error" ? "bad" : ""}>{e.message}</span>
            </li>
          ))}
        </ul>
      </details>
    </>
  );
}
