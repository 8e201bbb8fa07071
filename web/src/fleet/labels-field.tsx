import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { type Labels, parseLabels, sayLabels } from "./labels";

interface LabelsFieldProps {
  id: string;
  label: string;
  help: ComponentChildren;
  labels: Labels;
  /** Not called while what is written is no label. */
  onLabels(labels: Labels): void;
}

/** Labels to select by. */
export function LabelsField({ id, label, help, labels, onLabels }: LabelsFieldProps) {
  const text = useSignal(sayLabels(labels));
  const problem = useSignal("");
  const given = sayLabels(labels);
  useEffect(() => {
    if (given === sayLabels(parseLabels(text.peek()).labels)) return; // what is written says it, in its own way
    text.value = given;
    problem.value = "";
  }, [given]);
  const read = (written: string) => {
    const parsed = parseLabels(written);
    text.value = written;
    problem.value = parsed.problem ?? "";
    if (!parsed.problem) onLabels(parsed.labels);
  };
  return (
    <div class="group">
      <label class="label" for={id}>
        {label}
      </label>
      <input
        class="field"
        id={id}
        autocomplete="off"
        spellcheck={false}
        placeholder="team:support"
        aria-describedby={`${id}-help ${id}-problem`}
        aria-invalid={problem.value !== ""}
        ref={(field) => field?.setCustomValidity(problem.value)}
        value={text.value}
        onChange={(e) => read(e.currentTarget.value)}
      />
      <p class="help small" id={`${id}-help`}>
        {help}
      </p>
      <p class="bad small" id={`${id}-problem`} role="alert">
        {problem.value}
      </p>
    </div>
  );
}
