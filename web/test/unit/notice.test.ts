import assert from "node:assert/strict";
import { test } from "node:test";
import { unreachable } from "../../src/realtime/relay";
import { ApiProblem } from "../../src/shared/api";
import { explainEnd, explainError, explainProblem, explainResponse } from "../../src/voice/notice";

test("races of a normal conversation are not told to the user", () => {
  for (const code of ["response_cancel_not_active", "input_audio_buffer_commit_empty", "conversation_already_has_active_response"]) {
    assert.equal(explainError({ code, message: "…" }), undefined);
  }
  assert.equal(explainError({ code: "invalid_value", event_id: "truncate_1", message: "already shorter than 900ms" }), undefined);
});

test("a wrong key asks for another one, a gateway that is away for another try", () => {
  assert.equal(explainProblem(new ApiProblem(401, "unauthorized")).action, "key");
  assert.equal(explainProblem(new ApiProblem(0, "no answer")).action, "retry");
});

test("refused settings are told in the gateway's own words", () => {
  assert.equal(explainProblem(new ApiProblem(422, "refused", "voice: unknown voice")).advice, "voice: unknown voice");
});

test("an end has its reason, and a limit is told in plain words", () => {
  assert.equal(explainEnd({ code: 1000, reason: "ended by the application" }).advice, "Reason: ended by the application.");
  assert.equal(explainEnd({ code: 4008, reason: "limit max_seconds of 600 reached" }).advice, "It lasted as long as the gateway allows.");
  assert.equal(explainEnd({ code: 3000, reason: "" }).advice, "The gateway closed it with code 3000.");
  assert.match(explainEnd({ code: unreachable, reason: "" }).title, /could not be restored/);
});

test("an answer that failed without an error event is not passed over in silence", () => {
  const error = { code: "insufficient_quota" };
  assert.match(explainResponse({ id: "r", status: "failed", status_details: { error } }) ?? "", /no credit left/);
  assert.match(explainResponse({ id: "r", status: "incomplete", status_details: { reason: "max_output_tokens" } }) ?? "", /longest length/);
  assert.equal(explainResponse({ id: "r", status: "completed", status_details: null }), undefined);
  assert.equal(explainResponse({ id: "r", status: "cancelled", status_details: null }), undefined);
});
