import { useEffect, useRef } from "preact/hooks";
import { apiKey, setApiKey } from "../shared/key";
import type { Call } from "./call";
import { changeSettings, settings } from "./settings";

/** What went wrong and what to do; read out at once, and brought into sight. */
export function NoticeBar({ call }: { call: Call }) {
  const bar = useRef<HTMLDivElement>(null);
  const notice = call.notice.value;
  const lost = call.lost.value;
  useEffect(() => {
    if (notice) bar.current?.scrollIntoView({ block: "nearest" });
  }, [notice]);
  return (
    <div class="notices" role="alert" ref={bar}>
      {lost && (
        <div class="notice" data-tone="warning" data-testid="lost">
          <p>
            <strong>The connection was lost.</strong> Connecting again… What you say now is not heard; what you type is sent when the connection is back.
          </p>
          {/* not read out: it changes every few seconds */}
          <span class="help small" data-testid="attempt" aria-hidden="true">
            attempt {lost.attempt}
          </span>
        </div>
      )}
      {call.talk.listeners.value > 0 && (
        <div class="notice" data-tone="warning" data-testid="listeners">
          <p>
            <strong>Somebody listens in.</strong> An operator of this service hears the conversation.
          </p>
        </div>
      )}
      {notice && (
        <div class="notice" data-tone={notice.tone} data-testid="notice">
          <p>
            <strong>{notice.title}.</strong> {notice.advice}
          </p>
          <div class="notice-actions">
            {notice.action === "key" && (
              <button class="button small" type="button" onClick={() => forgetKey(call)}>
                Use another key
              </button>
            )}
            {notice.action === "text" && (
              <button class="button small" type="button" onClick={() => startByTyping(call)}>
                Go on by typing
              </button>
            )}
            {notice.action === "retry" && (
              <button class="button small" type="button" onClick={() => void call.start(apiKey.value, settings.value)}>
                {call.phase.value === "ended" ? "Start a new one" : "Try again"}
              </button>
            )}
            <button class="button small quiet" type="button" onClick={() => call.dismissNotice()}>
              Dismiss
            </button>
          </div>
        </div>
      )}
    </div>
  );
}

function forgetKey(call: Call): void {
  setApiKey("");
  call.dismissNotice();
}

function startByTyping(call: Call): void {
  changeSettings({ answers: "text" });
  void call.start(apiKey.value, settings.value);
}
