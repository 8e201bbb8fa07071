import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { listMicrophones } from "../audio/microphone";
import { CallIcon } from "../shared/icons";
import { apiKey } from "../shared/key";
import { KeyRow } from "../shared/key-form";
import type { Call } from "./call";
import { changeSettings, type Settings, settings, voices } from "./settings";

/** What is chosen before a session, and Start. */
export function Setup({ call }: { call: Call }) {
  const { voice, instructions, answers } = settings.value;
  const starting = call.phase.value === "starting";
  const start = (event: Event) => {
    event.preventDefault();
    void call.start(apiKey.value, settings.value);
  };
  return (
    <form class="form" onSubmit={start}>
      <h2 class="side-title">New session</h2>
      <fieldset class="group" disabled={starting}>
        <legend class="label">Answers</legend>
        <div class="segments">
          <Segment value="audio" chosen={answers} label="Spoken" />
          <Segment value="text" chosen={answers} label="Written" />
        </div>
      </fieldset>
      {answers === "audio" && (
        <fieldset class="group" disabled={starting}>
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
        <textarea class="field" id="instructions" rows={4} disabled={starting} value={instructions} onInput={(e) => changeSettings({ instructions: e.currentTarget.value })} />
      </div>
      {answers === "audio" && <MicrophonePicker disabled={starting} />}
      <button class="button primary wide" id="start" type="submit" data-testid="start" disabled={starting}>
        <CallIcon />
        {starting ? "Connecting…" : "Start"}
      </button>
      {starting && (
        <button class="button wide" type="button" data-testid="cancel" onClick={() => cancel(call)}>
          Cancel
        </button>
      )}
      <KeyRow />
    </form>
  );
}

function cancel(call: Call): void {
  call.cancel();
  requestAnimationFrame(() => document.getElementById("start")?.focus());
}

function Segment({ value, chosen, label }: { value: Settings["answers"]; chosen: string; label: string }) {
  return (
    <label class="choice">
      <input type="radio" name="answers" value={value} checked={chosen === value} onChange={() => changeSettings({ answers: value })} />
      <span>{label}</span>
    </label>
  );
}

/** Shown once the browser tells of more than one microphone, which it does after permission was given. */
function MicrophonePicker({ disabled }: { disabled: boolean }) {
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
      <select class="field" id="microphone" disabled={disabled} value={settings.value.microphone} onChange={(e) => changeSettings({ microphone: e.currentTarget.value })}>
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
