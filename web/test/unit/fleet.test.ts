import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLabels, sayLabels } from "../../src/fleet/labels";
import type { Session } from "../../src/fleet/types";
import { audience, nodeName, progressOf, sayProgress, saySessions, sessionWord } from "../../src/fleet/words";

test("labels are written as name:value, separated by commas", () => {
  assert.deepEqual(parseLabels(" team: support , tier:1,"), { labels: { team: "support", tier: "1" } });
  assert.deepEqual(parseLabels("url:http://a:1"), { labels: { url: "http://a:1" } });
  assert.deepEqual(parseLabels(""), { labels: {} });
  assert.equal(sayLabels({ team: "support", tier: "1" }), "team:support, tier:1");
});

test("what is no label is named", () => {
  assert.match(parseLabels("team:support, vip").problem ?? "", /“vip” is no label/);
  assert.match(parseLabels(":x").problem ?? "", /“:x” is no label/);
  assert.match(parseLabels("a:1, a:2").problem ?? "", /“a” is there twice/);
});

test("a broadcast's counts: changed, not, and yet to answer", () => {
  const counts = { matched: 10, outcomes: { applied: 5, deferred: 1, refused: 1, ended: 1 } };
  assert.deepEqual(progressOf(counts), { done: 6, failed: 2, left: 2 });
  assert.equal(sayProgress(counts), "6 of 10 sessions changed, 2 not, 2 yet to answer");
  assert.equal(sayProgress({ matched: 1, outcomes: { applied: 1 } }), "1 of 1 session changed");
  assert.deepEqual(progressOf({ matched: 0 }), { done: 0, failed: 0, left: 0 });
});

test("whom a broadcast is for", () => {
  assert.equal(audience(undefined), "every session");
  assert.equal(audience({}), "every session");
  assert.equal(audience({ team: "support", tier: "1" }), "sessions with team:support and tier:1");
});

test("a node is named by its host", () => {
  assert.equal(nodeName("http://10.0.0.7:8080"), "10.0.0.7:8080");
  assert.equal(nodeName("node-a"), "node-a");
});

const session = (change: Partial<Session>): Session => ({
  session_id: "a",
  status: "active",
  key: "demo",
  node: "http://a:1",
  usage: { responses: 0, total_tokens: 0, input_tokens: 0, output_tokens: 0 },
  clients: 1,
  responding: false,
  created_at: "2026-11-25T00:00:00Z",
  ...change,
});

test("sessions in words", () => {
  assert.equal(sessionWord(session({ responding: true })).text, "Answering");
  assert.equal(sessionWord(session({ status: "ended", responding: true })).text, "Ended");
  assert.equal(sessionWord(session({ status: "created" })).text, "Opened");
  const two = [session({}), session({ node: "http://b:1", clients: 2 })];
  assert.equal(saySessions(two), "2 sessions with 3 clients on 2 nodes");
  assert.equal(saySessions([...two, session({ status: "ended" })]), "2 sessions with 3 clients on 2 nodes, 1 ended");
  assert.equal(saySessions([session({ status: "ended" })]), "None is running, 1 session has ended");
});
