import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ApiProblem, call } from "../../src/shared/api";

const request = { method: "GET", path: "/realtime/sessions", key: "sk-a" } as const;

/** A gateway that never answers, and the clock by which that is noticed. */
function silent(t: TestContext) {
  const clock = new AbortController();
  t.mock.method(AbortSignal, "timeout", () => clock.signal);
  t.mock.method(globalThis, "fetch", (_: string, { signal }: RequestInit) => new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))));
  return { late: () => clock.abort() };
}

const noAnswer = (problem: unknown) => problem instanceof ApiProblem && problem.status === 0;

test("an answer that takes too long counts as none, for who may end the request, too", async (t) => {
  const { late } = silent(t);
  const reading = call({ ...request, signal: new AbortController().signal });
  late();
  await assert.rejects(reading, noAnswer);
});

test("who is patient waits, and may end it all the same", async (t) => {
  const { late } = silent(t);
  const ending = new AbortController();
  let over = false;
  const reading = call({ ...request, signal: ending.signal, patient: true }).finally(() => (over = true));
  late();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(over, false);
  ending.abort();
  await assert.rejects(reading, noAnswer);
});

test("half an answer is none", async (t) => {
  const body = new ReadableStream({
    start(half) {
      half.enqueue(new TextEncoder().encode('{"sessions":['));
      half.error(new TypeError("network error"));
    },
  });
  t.mock.method(globalThis, "fetch", async () => new Response(body));
  await assert.rejects(call(request), noAnswer);
});

test("an answer without a body is one", async (t) => {
  t.mock.method(globalThis, "fetch", async () => new Response(null, { status: 204 }));
  assert.equal(await call(request), undefined);
});
