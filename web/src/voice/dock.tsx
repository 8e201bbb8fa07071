import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { EndIcon, MicrophoneIcon, MutedIcon, SendIcon, StopIcon } from "../shared/icons";
import type { Call } from "./call";
import { Cord } from "./cord";
import { settings } from "./settings";

/** The controls of a running session. */
export function Dock({ call }: { call: Call }) {
  const inCall = call.running;
  const spoken = settings.value.answers === "audio";
  return (
    <section class="dock" aria-label="Controls">
      {spoken && <Cord call={call} />}
      <p class="floor">{floorText(call)}</p>
      <MutedHint call={call} />
      {inCall && (
        <div class="controls">
          {spoken && <MuteButton call={call} />}
          <button class="button round" type="button" data-testid="stop" onClick={() => void call.talk.interrupt()} aria-label="Stop the answer" title="Stop the answer (Esc)">
            <StopIcon />
          </button>
          {spoken && settings.value.turns === "button" && (
            <button class="button" type="button" data-testid="end-turn" onClick={() => void call.talk.endTurn()}>
              Answer me
            </button>
          )}
          <SayForm call={call} />
          <button class="button danger" type="button" data-testid="end" onClick={() => call.end()}>
            <EndIcon />
            End
          </button>
        </div>
      )}
    </section>
  );
}

/** Read out at once: who speaks into a muted microphone waits in vain. */
function MutedHint({ call }: { call: Call }) {
  const { sound } = call.talk;
  return (
    <div class="muted-hint" role="alert">
      {sound.speaksMuted.value && (
        <>
          <span>You are muted: nobody hears you.</span>
          <button class="button small" type="button" onClick={() => sound.setMuted(false)}>
            Unmute
          </button>
        </>
      )}
    </div>
  );
}

function MuteButton({ call }: { call: Call }) {
  const muted = call.talk.sound.muted.value;
  return (
    <button
      class="button round"
      type="button"
      data-testid="mute"
      aria-pressed={muted}
      aria-label="Mute the microphone"
      title={muted ? "Unmute (M)" : "Mute (M)"}
      onClick={() => call.talk.sound.setMuted(!muted)}
    >
      {muted ? <MutedIcon /> : <MicrophoneIcon />}
    </button>
  );
}

function SayForm({ call }: { call: Call }) {
  const text = useSignal("");
  const input = useRef<HTMLInputElement>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    const said = text.value.trim();
    if (said === "") return;
    text.value = "";
    input.current?.focus();
    const sent = await call.talk.say(said);
    if (!sent && text.value === "") text.value = said;
  };
  return (
    <form class="say" onSubmit={submit}>
      <label class="visually-hidden" for="say">
        Message
      </label>
      <input
        class="field"
        id="say"
        ref={input}
        type="text"
        autocomplete="off"
        enterkeyhint="send"
        maxLength={8000}
        placeholder="Type a message"
        value={text.value}
        onInput={(e) => (text.value = e.currentTarget.value)}
      />
      <button class="button send" type="submit" aria-label="Send" aria-disabled={text.value.trim() === ""}>
        <SendIcon />
      </button>
    </form>
  );
}

function floorText(call: Call): string {
  switch (call.phase.value) {
    case "idle":
      return "The line is free";
    case "starting":
      return "Connecting";
    case "reconnecting":
      return "Connecting again";
    case "ended":
      return "The session has ended";
    case "live":
      break;
  }
  switch (call.talk.floor.value) {
    case "user":
      return "Listening to you";
    case "thinking":
      return "Thinking";
    case "assistant":
      return "Speaking";
    case "none":
      if (settings.value.answers === "text") return "Ready";
      return call.talk.sound.muted.value ? "Muted" : "Listening";
  }
}
