import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { listMicrophones } from "../audio/microphone";
import { Segments } from "../shared/parts";
import { changeSettings, type Settings, settings, voices } from "./settings";
import { ToolList } from "./tool-list";

/** What a session is to be like. */
export function Choices({ starting }: { starting: boolean }) {
  const { voice, instructions, answers } = settings.value;
  const spoken = answers === "audio";
  return (
    <fieldset class="form choices" disabled={starting}>
      <Segments
        name="answers"
        legend="Answers"
        chosen={answers}
        onChoose={(value) => changeSettings({ answers: value })}
        choices={[
          { value: "audio", label: "Spoken" },
          { value: "text", label: "Written" },
        ]}
      />
      {spoken && (
        <fieldset class="group">
          <legend class="label">Voice</legend>
          <div class="voices">
            {voices.map((name) => (
              <label key={name} class="choice">
                <input type="radio" name="voice" value={name} checked={voice === name} onChange={() => changeSettings({ voice: name })} />
                <span>{name}</span>
              </label>
            ))}
          </div>
        </fieldset>
      )}
      <div class="group">
        <label class="label" for="instructions">
          Instructions
        </label>
        <textarea class="field" id="instructions" rows={4} value={instructions} onInput={(e) => changeSettings({ instructions: e.currentTarget.value })} />
      </div>
      {spoken && <MicrophonePicker />}
      <details class="fold" data-testid="more-settings">
        <summary>Model, turns and sound</summary>
        <More spoken={spoken} />
      </details>
      <details class="fold" data-testid="functions">
        <summary>Functions{settings.value.tools.length > 0 && ` (${settings.value.tools.length})`}</summary>
        <ToolList />
      </details>
    </fieldset>
  );
}

const turns: readonly { value: Settings["turns"]; label: string }[] = [
  { value: "server_vad", label: "A pause" },
  { value: "semantic_vad", label: "What I said" },
  { value: "button", label: "A button" },
];

const noises: readonly { value: Settings["noise"]; label: string }[] = [
  { value: "none", label: "None" },
  { value: "near_field", label: "Headset" },
  { value: "far_field", label: "Room" },
];

/** What is rarely changed. */
function More({ spoken }: { spoken: boolean }) {
  const { model, turns: turn, speed, noise } = settings.value;
  return (
    <div class="form">
      <div class="group">
        <label class="label" for="model">
          Model
        </label>
        <input
          class="field"
          id="model"
          autocomplete="off"
          spellcheck={false}
          maxLength={100}
          placeholder="The gateway's"
          value={model}
          onInput={(e) => changeSettings({ model: e.currentTarget.value })}
        />
      </div>
      {spoken && (
        <>
          <Segments name="turns" legend="What ends my turn" chosen={turn} onChoose={(value) => changeSettings({ turns: value })} choices={turns} />
          <Segments name="noise" legend="Noise reduction" chosen={noise} onChoose={(value) => changeSettings({ noise: value })} choices={noises} />
          <div class="group">
            <label class="label" for="speed">
              Speed of the voice: {speed.toFixed(2)}
            </label>
            <input id="speed" type="range" min={0.25} max={1.5} step={0.05} value={speed} onInput={(e) => changeSettings({ speed: e.currentTarget.valueAsNumber })} />
          </div>
        </>
      )}
    </div>
  );
}

/** Shown once the browser tells of more than one microphone, which it does after permission was given. */
function MicrophonePicker() {
  const found = useSignal<{ id: string; label: string }[]>([]);
  useEffect(() => {
    const look = () => void listMicrophones().then((all) => (found.value = all));
    look();
    navigator.mediaDevices?.addEventListener("devicechange", look);
    return () => navigator.mediaDevices?.removeEventListener("devicechange", look);
  }, [found]);
  if (found.value.length < 2) return null;
  return (
    <div class="group">
      <label class="label" for="microphone">
        Microphone
      </label>
      <select class="field" id="microphone" value={settings.value.microphone} onChange={(e) => changeSettings({ microphone: e.currentTarget.value })}>
        <option value="">The browser's choice</option>
        {found.value.map(({ id, label }) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
      </select>
    </div>
  );
}
