import assert from "node:assert/strict";
import { test } from "node:test";
import { changes } from "../../src/fleet/diff";
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
  listen_in: "never",
  listeners: 0,
  usage: { responses: 0, total_tokens: 0, input_tokens: 0, output_tokens: 0 },
  clients: 1,
  errors: 0,
  states: [],
  latency: { turns: 0, mean_ms: 0, max_ms: 0, last_ms: 0 },
  cost_usd: 0,
  responding: false,
  created_at: "2026-11-25T00:00:00Z",
  ...change,
});

test("sessions in words", () => {
  assert.equal(sessionWord(session({ responding: true })).text, "Answering");
  assert.equal(sessionWord(session({ status: "ended", responding: true })).text, "Ended");
  assert.equal(sessionWord(session({ status: "created" })).text, "Opened");
  assert.equal(sessionWord(session({})).text, "Live");
  assert.equal(sessionWord(session({ clients: 0 })).text, "Live, nobody attached");
  const created_at = new Date(Date.now() - 95_000).toISOString();
  assert.equal(sessionWord(session({ created_at, limits: { max_seconds: 100 } })).text, "Near its longest duration");
  const totals = { status: { active: 3 }, nodes: { "http://a:1": 2, "http://b:1": 1 }, live: 3, unattended: 0, clients: 4 };
  assert.equal(saySessions(totals), "3 sessions with 4 clients on 2 nodes");
  assert.equal(saySessions({ ...totals, unattended: 1, status: { ended: 1 } }), "3 sessions with 4 clients on 2 nodes, 1 with nobody attached, 1 ended");
  assert.equal(saySessions({ ...totals, live: 0, status: { ended: 1 } }), "None is running, 1 session has ended");
});

test("what changes in a text is told word by word", () => {
  const told = changes("Be brief and kind. Speak Dutch.", "Be brief. Speak Dutch, please.").map(({ kind, text }) => `${kind}:${text}`);
  assert.equal(told.map((t) => t.slice(t.indexOf(":") + 1)).join("").length > 0, true);
  const rebuilt = (kind: "in" | "out") =>
    changes("Be brief and kind. Speak Dutch.", "Be brief. Speak Dutch, please.")
      .filter((c) => c.kind === "same" || c.kind === kind)
      .map((c) => c.text)
      .join("");
  assert.equal(rebuilt("out"), "Be brief and kind. Speak Dutch.");
  assert.equal(rebuilt("in"), "Be brief. Speak Dutch, please.");
  const long = "word ".repeat(4_000);
  assert.deepEqual(
    changes(long, "short").map((c) => c.kind),
    ["same", "out", "in"].filter((kind) => kind !== "same"),
  );
});
