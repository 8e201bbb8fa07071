import type { Call } from "./call";

/** Puts a read-only view of the session on window.switchboard; web/README.md says what is in it. */
export function exposeDebugView(call: Call): void {
  const view = {
    get phase() {
      return call.phase.value;
    },
    get floor() {
      return call.floor.value;
    },
    get muted() {
      return call.sound.muted.value;
    },
    get sessionId() {
      return call.sessionId.value;
    },
    get reconnects() {
      return call.reconnects.value;
    },
    get latencies() {
      return structuredClone(call.latencies.value);
    },
    get transcript() {
      return structuredClone(call.conversation.current);
    },
    get sent() {
      return structuredClone(call.trace.sentEvents);
    },
    get received() {
      return structuredClone(call.trace.receivedEvents);
    },
    get counts() {
      return { ...call.trace.counts };
    },
    get player() {
      return { ...call.trace.account, loudest: call.trace.loudest, begun: [...call.trace.begunItems], cut: structuredClone(call.trace.cutItems) };
    },
  };
  Object.defineProperty(window, "switchboard", { value: Object.freeze(view) });
}
