import { useSignal } from "@preact/signals";
import { changeSettings, type MockedTool, settings, toolProblem } from "./settings";

const empty: MockedTool = { name: "", description: "", parameters: "", result: "" };

/** The functions that the model may call. The page answers with the results that are written here. */
export function ToolList() {
  const { tools } = settings.value;
  /** Which one is being edited; one past the last is a new one. */
  const editing = useSignal<number | undefined>(undefined);
  const save = (at: number, tool: MockedTool) => {
    changeSettings({ tools: at < tools.length ? tools.with(at, tool) : [...tools, tool] });
    editing.value = undefined;
  };
  const remove = (at: number) => {
    changeSettings({ tools: tools.toSpliced(at, 1) });
    editing.value = undefined;
  };
  const at = editing.value;
  return (
    <div class="form">
      <p class="help small">The model may call these functions. The page answers each call with the result that you write here.</p>
      {tools.length > 0 && (
        <ul class="tools" aria-label="Functions">
          {tools.map((tool, i) => (
            <li key={tool.name} class="tool">
              <code>{tool.name}</code>
              <button class="link small" type="button" onClick={() => (editing.value = i)}>
                Edit<span class="visually-hidden"> {tool.name}</span>
              </button>
              <button class="link small" type="button" onClick={() => remove(i)}>
                Remove<span class="visually-hidden"> {tool.name}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {at === undefined ? (
        <button class="button small" type="button" onClick={() => (editing.value = tools.length)}>
          Add a function
        </button>
      ) : (
        <ToolForm key={at} tool={tools[at] ?? empty} others={tools.toSpliced(at, 1)} onSave={(tool) => save(at, tool)} onCancel={() => (editing.value = undefined)} />
      )}
    </div>
  );
}

interface ToolFormProps {
  tool: MockedTool;
  others: readonly MockedTool[];
  onSave(tool: MockedTool): void;
  onCancel(): void;
}

/** Part of the form of a session, so that it is no form of its own: Enter in a field saves the function and starts nothing. */
function ToolForm({ tool, others, onSave, onCancel }: ToolFormProps) {
  const draft = useSignal(tool);
  const problem = useSignal("");
  const change = (part: Partial<MockedTool>) => (draft.value = { ...draft.value, ...part });
  const save = () => {
    problem.value = toolProblem(draft.value, others) ?? "";
    if (!problem.value) onSave(draft.value);
  };
  const enter = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
    event.preventDefault();
    save();
  };
  const { name, description, parameters, result } = draft.value;
  return (
    <fieldset class="form tool-form" onKeyDown={enter}>
      <legend class="visually-hidden">{tool.name ? `Function ${tool.name}` : "New function"}</legend>
      <div class="group">
        <label class="label" for="tool-name">
          Name
        </label>
        <input class="field" id="tool-name" autocomplete="off" spellcheck={false} maxLength={64} value={name} onInput={(e) => change({ name: e.currentTarget.value })} />
      </div>
      <div class="group">
        <label class="label" for="tool-description">
          What it does
        </label>
        <input class="field" id="tool-description" autocomplete="off" maxLength={1000} value={description} onInput={(e) => change({ description: e.currentTarget.value })} />
      </div>
      <div class="group">
        <label class="label" for="tool-parameters">
          JSON schema of its arguments
        </label>
        <textarea
          class="field mono"
          id="tool-parameters"
          rows={4}
          spellcheck={false}
          maxLength={20_000}
          placeholder='{"type": "object", "properties": {}}'
          value={parameters}
          onInput={(e) => change({ parameters: e.currentTarget.value })}
        />
      </div>
      <div class="group">
        <label class="label" for="tool-result">
          Result
        </label>
        <textarea class="field mono" id="tool-result" rows={3} spellcheck={false} maxLength={20_000} value={result} onInput={(e) => change({ result: e.currentTarget.value })} />
      </div>
      <p class="bad small" role="alert">
        {problem.value}
      </p>
      <div class="actions">
        <button class="button small" type="button" onClick={save}>
          Save the function
        </button>
        <button class="button small quiet" type="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </fieldset>
  );
}
