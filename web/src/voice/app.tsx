import { useEffect } from "preact/hooks";
import { offerFocus } from "../shared/focus";
import { Header } from "../shared/header";
import { apiKey } from "../shared/key";
import { KeyForm } from "../shared/key-form";
import type { Call, Phase } from "./call";
import { Dock } from "./dock";
import { Facts } from "./facts";
import { NoticeBar } from "./notice-bar";
import { Setup } from "./setup";
import { Announcer, Transcript } from "./transcript";

const phaseNames: Record<Phase, string> = {
  idle: "Idle",
  starting: "Connecting",
  live: "Live",
  reconnecting: "Retrying",
  ended: "Ended",
};

export function App({ call }: { call: Call }) {
  const phase = call.phase.value;
  const inCall = call.running;
  useEffect(() => {
    document.title = inCall ? "● Voice · Switchboard" : "Voice · Switchboard";
    if (inCall) offerFocus("stage");
    else if (phase === "ended") offerFocus("start");
  }, [inCall, phase]);
  return (
    <div class="page" data-phase={phase} data-floor={call.talk.floor.value}>
      <a class="skip" href="#stage">
        Skip to the conversation
      </a>
      <Header page="Voice" stays={inCall}>
        <span class="lamp" data-phase={phase} aria-hidden="true" />
        <span data-testid="phase">{phaseNames[phase]}</span>
      </Header>
      <aside class="side" aria-label="Session">
        {inCall ? <Facts call={call} /> : apiKey.value ? <Setup call={call} /> : <KeyForm why="Sessions are opened with an API key of this gateway." />}
      </aside>
      <main class="stage" id="stage" tabIndex={-1}>
        <h1 class="visually-hidden">Voice session</h1>
        <NoticeBar call={call} />
        <Transcript call={call} />
        <Dock call={call} />
      </main>
      <Announcer call={call} />
    </div>
  );
}
