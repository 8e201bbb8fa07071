import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation, heardText } from "../../src/realtime/conversation";
import type { ServerEvent } from "../../src/realtime/events";

function conversation(...events: ServerEvent[]): Conversation {
  const c = new Conversation((publish) => publish());
  for (const event of events) c.apply(event);
  return c;
}

function lines(c: Conversation): string[] {
  return c.entries.value.map((e) => `${e.role}/${e.state}: ${e.parts.join(" ")}`);
}

const part = { response_id: "r1", item_id: "a1", content_index: 0 };
const spoken: ServerEvent[] = [
  { type: "input_audio_buffer.speech_started", item_id: "u1" },
  { type: "input_audio_buffer.speech_stopped", item_id: "u1" },
  { type: "input_audio_buffer.committed", item_id: "u1", previous_item_id: null },
  {
    type: "conversation.item.added",
    previous_item_id: null,
    item: { id: "u1", type: "message", role: "user", status: "completed", content: [{ type: "input_audio", transcript: null }] },
  },
];
const answering: ServerEvent[] = [
  { type: "response.created", response: { id: "r1", status: "in_progress" } },
  { type: "response.output_item.added", response_id: "r1", item: { id: "a1", type: "message", role: "assistant", status: "in_progress", content: [] } },
  { type: "conversation.item.added", previous_item_id: "u1", item: { id: "a1", type: "message", role: "assistant", content: [] } },
  { type: "response.output_audio_transcript.delta", ...part, delta: "Good " },
  { type: "response.output_audio.delta", ...part, delta: "AAAA" },
  { type: "response.output_audio_transcript.delta", ...part, delta: "morning to you." },
];
const answered: ServerEvent[] = [
  { type: "response.output_audio_transcript.done", ...part, transcript: "Good morning to you." },
  { type: "response.output_item.done", response_id: "r1", item: { id: "a1", type: "message", role: "assistant", status: "completed", content: [] } },
  { type: "response.done", response: { id: "r1", status: "completed" } },
];

test("the user's words arrive late and stand before the answer", () => {
  const c = conversation(...spoken, ...answering);
  assert.deepEqual(lines(c), ["user/waiting: ", "assistant/partial: Good morning to you."]);
  c.apply({ type: "conversation.item.input_audio_transcription.delta", item_id: "u1", delta: "Hel" });
  assert.equal(lines(c)[0], "user/partial: Hel");
  c.apply({ type: "conversation.item.input_audio_transcription.completed", item_id: "u1", transcript: " Hello. " });
  for (const event of answered) c.apply(event);
  assert.deepEqual(lines(c), ["user/done: Hello.", "assistant/done: Good morning to you."]);
});

test("order follows previous_item_id, not arrival", () => {
  const c = conversation(
    { type: "input_audio_buffer.speech_started", item_id: "u2" },
    { type: "conversation.item.added", item: { id: "u1", type: "message", role: "user", content: [{ type: "input_text", text: "typed" }] } },
    { type: "input_audio_buffer.committed", item_id: "u2", previous_item_id: "u1" },
  );
  assert.deepEqual(
    c.entries.value.map((e) => e.id),
    ["u1", "u2"],
  );
});

test("an item that is told twice, as after a reconnect, stands once", () => {
  const c = conversation(...spoken, ...spoken, ...answering, ...answered, answered[1] as ServerEvent);
  assert.equal(c.entries.value.length, 2);
});

test("a cancelled answer is marked as cut; what was heard of it ends at a word", () => {
  const c = conversation(...spoken, ...answering);
  c.cut("a1", 0.3, 420);
  c.apply({ type: "response.done", response: { id: "r1", status: "cancelled" } });
  c.hear("a1", 1);
  const entry = c.entries.value[1];
  assert.ok(entry);
  assert.equal(entry.state, "cut");
  assert.equal(entry.cutMs, 420);
  assert.deepEqual(heardText(entry), { heard: "Good morning", rest: " to you." });
});

test("nothing of an answer is heard before its first sample", () => {
  const c = conversation(...spoken, ...answering);
  const entry = c.entries.value[1];
  assert.ok(entry);
  assert.deepEqual(heardText(entry), { heard: "", rest: "Good morning to you." });
});

test("a truncation by somebody else marks an answer, unless it was heard to its end", () => {
  const c = conversation(...spoken, ...answering, ...answered);
  c.hear("a1", 1);
  c.apply({ type: "conversation.item.truncated", item_id: "a1", audio_end_ms: 300 });
  assert.equal(c.entries.value[1]?.state, "done");
  c.hear("a1", 0.5);
  c.apply({ type: "conversation.item.truncated", item_id: "a1", audio_end_ms: 300 });
  assert.equal(c.entries.value[1]?.state, "cut");
});

test("several content parts of an answer stand one after the other", () => {
  const c = conversation(
    ...answering.slice(0, 2),
    { type: "response.output_text.delta", ...part, delta: "One." },
    { type: "response.output_text.delta", ...part, content_index: 1, delta: "Two." },
  );
  assert.equal(lines(c)[0], "assistant/partial: One. Two.");
});

test("a function call is one line, answered in place", () => {
  const call = { id: "f1", type: "function_call", name: "weather", call_id: "c1", arguments: "" };
  const c = conversation(
    { type: "response.output_item.added", response_id: "r1", item: call },
    { type: "response.function_call_arguments.done", item_id: "f1", call_id: "c1", arguments: '{"city":"Graz"}' },
    { type: "conversation.item.done", item: { ...call, arguments: '{"city":"Graz"}' } },
    { type: "conversation.item.added", item: { id: "o1", type: "function_call_output", call_id: "c1", output: "sunny" } },
  );
  assert.equal(c.entries.value.length, 1);
  assert.deepEqual(c.entries.value[0]?.call, { name: "weather", callId: "c1", arguments: '{"city":"Graz"}', output: "sunny" });
});

test("speech that came to nothing leaves no line, and a deleted item neither", () => {
  const c = conversation({ type: "input_audio_buffer.speech_started", item_id: "u1" }, { type: "input_audio_buffer.cleared" });
  assert.deepEqual(lines(c), []);
  c.type("u2", "Never mind.");
  c.apply({ type: "conversation.item.deleted", item_id: "u2" });
  assert.deepEqual(lines(c), []);
});

test("at the end of the session nothing stays in suspense", () => {
  const c = conversation(...spoken, ...answering, { type: "input_audio_buffer.speech_started", item_id: "u9" });
  c.end();
  assert.deepEqual(lines(c), ["user/failed: ", "assistant/cut: Good morning to you."]);
});

test("another upstream leaves nothing of the one before in suspense", () => {
  const c = conversation(...spoken, ...answering, { type: "input_audio_buffer.speech_started", item_id: "u9" }, { type: "switchboard.session.renewed", reason: "moved" });
  assert.deepEqual(lines(c), ["user/failed: ", "assistant/cut: Good morning to you."]);
  c.apply({ type: "conversation.item.input_audio_transcription.completed", item_id: "u1", transcript: "Hello." });
  assert.equal(lines(c)[0], "user/done: Hello.");
});

test("what was missed and is not kept comes as the present state", () => {
  const c = conversation(...spoken, {
    type: "switchboard.session.reset",
    items: [
      { id: "u1", type: "message", role: "user", text: "Hello." },
      { id: "f1", type: "function_call", name: "weather", call_id: "c1", arguments: "{}" },
      { id: "o1", type: "function_call_output", call_id: "c1", output: "sunny" },
      { id: "a1", type: "message", role: "assistant", text: "Good", heard_ms: 300 },
    ],
  });
  assert.deepEqual(lines(c), ["user/done: Hello.", "call/done: ", "assistant/cut: Good"]);
  assert.equal(c.entries.value[2]?.cutMs, 300);
});

test("a long present state comes in pages", () => {
  const item = (id: string) => ({ id, type: "message", role: "user" as const, text: id });
  const c = conversation(...spoken, { type: "switchboard.session.reset", items: [item("u2"), item("u3")] }, { type: "switchboard.session.items", items: [item("u4")] });
  assert.deepEqual(lines(c), ["user/done: u2", "user/done: u3", "user/done: u4"]);
});

test("the transcript is bounded", () => {
  const c = new Conversation((publish) => publish());
  for (let i = 0; i < 600; i++) c.type(`u${i}`, String(i));
  assert.equal(c.entries.value.length, 500);
  assert.equal(c.entries.value[0]?.id, "u100");
});

test("what the gateway dropped of a long conversation is told, and the lines stay", () => {
  const c = conversation(...spoken);
  const before = lines(c);
  c.apply({ type: "switchboard.session.dropped", items: ["u1", "a1"], images: null });
  c.apply({ type: "switchboard.session.dropped", items: null, images: ["u2"] });
  assert.deepEqual(lines(c), [
    ...before,
    "note/done: The conversation reached its size limit. The model will forget 2 of its oldest entries.",
    "note/done: The conversation reached its size limit. The model will forget 1 image.",
  ]);
});
