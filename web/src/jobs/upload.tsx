import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { ApiProblem, type ProblemField } from "../shared/api";
import { explain, plural } from "../shared/words";
import type { Outgoing } from "./outgoing";
import { bytes } from "./words";

/** What a file form needs to know of its file. */
export interface Upload {
  outgoing: Outgoing;
  title: string;
  /** What kind of file, and what happens to it. */
  help: ComponentChildren;
  submit: string;
  send(file: File, signal: AbortSignal): Promise<void>;
  /** A file to try it with. */
  example(): File;
  children?: ComponentChildren;
}

/** A form around one file, chosen or dropped. What is wrong with the file is told line by line. */
export function UploadForm({ outgoing, title, help, submit, send, example, children }: Upload) {
  const { file, sending, problem } = outgoing;
  const over = useSignal(false);
  const start = (event: Event) => {
    event.preventDefault();
    if (file.value) void outgoing.send(send);
    else document.getElementById("file")?.focus();
  };
  return (
    <form class="form" id="new" onSubmit={start}>
      <h2 class="side-title">{title}</h2>
      <div class="group">
        <label
          class="drop"
          data-over={over.value}
          onDragOver={(e) => {
            e.preventDefault();
            over.value = true;
          }}
          onDragLeave={() => (over.value = false)}
          onDrop={(e) => {
            e.preventDefault();
            over.value = false;
            outgoing.choose(e.dataTransfer?.files[0]);
          }}
        >
          <input
            id="file"
            class="drop-input"
            type="file"
            accept=".jsonl,.ndjson,application/jsonl"
            aria-describedby="file-help"
            disabled={sending.value !== undefined}
            onChange={(e) => {
              outgoing.choose(e.currentTarget.files?.[0]);
              e.currentTarget.value = ""; // so that the same file, corrected, can be chosen again
            }}
          />
          <span class="drop-text">
            {file.value ? (
              <>
                <strong class="drop-name">{file.value.name}</strong> <span class="help">{bytes(file.value.size)}</span>
              </>
            ) : (
              <>
                <strong>Choose a file</strong> <span class="help">or drop it here</span>
              </>
            )}
          </span>
        </label>
        <p class="help small" id="file-help">
          {help}{" "}
          <button class="link" type="button" aria-disabled={sending.value !== undefined} onClick={() => outgoing.choose(example())}>
            Use an example
          </button>
        </p>
      </div>
      {children}
      <FileProblem problem={problem.value} />
      <div class="submit-row">
        <button class="button primary wide" type="submit" data-testid="submit" aria-disabled={sending.value !== undefined}>
          {sending.value ? "Sending…" : submit}
        </button>
        {sending.value && (
          <button class="button" type="button" onClick={() => outgoing.stop()}>
            Stop
          </button>
        )}
      </div>
    </form>
  );
}

function FileProblem({ problem }: { problem: unknown }) {
  const fields = problem instanceof ApiProblem ? problem.fields : [];
  return (
    <div role="alert" data-testid="file-problem">
      {problem !== undefined && (fields.length ? <Lines fields={fields} /> : <Plain problem={problem} />)}
    </div>
  );
}

function Plain({ problem }: { problem: unknown }) {
  const { title, advice } = explain(problem, "It was not taken");
  return (
    <p class="notice" data-tone="error">
      <span>
        <strong>{title}.</strong> {advice}
      </span>
    </p>
  );
}

function Lines({ fields }: { fields: readonly ProblemField[] }) {
  return (
    <div class="notice stack" data-tone="error">
      <strong>{fields.length >= 100 ? "100 lines and perhaps more are wrong" : `${plural(fields.length, "thing")} to correct in the file`}</strong>
      <ul class="line-problems">
        {fields.map(({ location, message }, i) => (
          <li key={i}>
            <span class="line-number">{location}</span> {message}
          </li>
        ))}
      </ul>
    </div>
  );
}
