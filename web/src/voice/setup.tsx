import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { listMicrophones } from "../audio/microphone";
import { CallIcon } from "../shared/icons";
import { apiKey } from "../shared/key";
import { KeyRow } from "../shared/key-form";
import { Folded } from "../shared/side";
import { timeAgo } from "../shared/words";
import type { Call } from "./call";
import { LastSession } from "./facts";
import { changeSettings, type Settings, settings, voices } from "./settings";

/** What is chosen before a session, and Start: on a narrow screen it is always in sight, and the rest is folded. */
export function Setup({ call }: { call: Call }) {
  const starting = call.phase.value === "starting";
  const start = (event: Event) => {
    event.preventDefault();
    void call.start(apiKey.value, settings.value);
  };
  return (
    <form class="form" onSubmit={start}>
      <h2 class="side-title">New session</h2>
      <LeftSession call={call} />
      {call.phase.value === "ended" && <LastSession call={call} />}
      <Folded fold="Voice and instructions">
        <Choices starting={starting} />
        <KeyRow />
      </Folded>
      <div class="start-bar">
        <button class="button primary wide" id="start" type="submit" data-testid="start" aria-disabled={starting}>
          <CallIcon />
          {starting ? "Connecting…" : "Start"}
        </button>
        {starting && (
          <button class="button wide" type="button" data-testid="cancel" onClick={() => cancel(call)}>
            Cancel
          </button>
        )}
      </div>
    </form>
  );
}

function Choices({ starting }: { starting: boolean }) {
  const { voice, instructions, answers } = settings.value;
  return (
    <div class="form">
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
    </div>
  );
}

/** After a reload: the session may well be there still. */
function LeftSession({ call }: { call: Call }) {
  const left = call.left.session.value;
  useEffect(() => void call.left.check(apiKey.value), [apiKey.value]);
  if (!left || call.phase.value !== "idle") return null;
  return (
    <div class="notice stack" data-testid="left">
      <p>
        <strong>Go on with the session of {timeAgo(left.leftAt || left.startedAt)}?</strong> It still runs, and knows what was said.
      </p>
      <div class="notice-actions">
        <button class="button small primary" type="button" onClick={() => void call.resume(apiKey.value)}>
          Go on
        </button>
        <button class="button small" type="button" onClick={() => call.left.end(apiKey.value)}>
          End it
        </button>
      </div>
    </div>
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
