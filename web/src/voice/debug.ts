import type { Call } from "./call";

/** Puts a read-only view of the session on window.switchboard; web/README.md says what is in it. */
export function exposeDebugView(call: Call): void {
  const view = {
    get phase() {
      return call.phase.value;
    },
    get floor() {
      return call.talk.floor.value;
    },
    get muted() {
      return call.talk.sound.muted.value;
    },
    get sessionId() {
      return call.sessionId.value;
    },
    get reconnects() {
      return call.reconnects.value;
    },
    get latencies() {
      return structuredClone(call.talk.turns.latencies.value);
    },
    get transcript() {
      return structuredClone(call.talk.conversation.current);
    },
    get sent() {
      return call.talk.trace.events("sent");
    },
    get received() {
      return call.talk.trace.events("received");
    },
    get counts() {
      return { ...call.talk.trace.counts };
    },
    get player() {
      return { ...call.talk.trace.account, loudest: call.talk.trace.loudest, begun: [...call.talk.trace.begunItems], cut: structuredClone(call.talk.trace.cutItems) };
    },
  };
  Object.defineProperty(window, "switchboard", { value: Object.freeze(view) });
}
