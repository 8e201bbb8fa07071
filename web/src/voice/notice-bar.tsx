import { apiKey, setApiKey } from "../shared/key";
import type { Call } from "./call";
import { changeSettings, settings } from "./settings";

/** What went wrong and what to do; read out at once. */
export function NoticeBar({ call }: { call: Call }) {
  const notice = call.notice.value;
  const lost = call.lost.value;
  return (
    <div class="notices" role="alert">
      {lost && (
        <div class="notice" data-tone="warning" data-testid="lost">
          <p>
            <strong>The connection was lost.</strong> Connecting again{lost.attempt > 1 && `, attempt ${lost.attempt}`}… The session itself goes on; what you say now is not heard.
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
  requestAnimationFrame(() => document.getElementById("key")?.focus());
}

function startByTyping(call: Call): void {
  changeSettings({ answers: "text" });
  void call.start(apiKey.value, settings.value);
}
