import assert from "node:assert/strict";
import { beforeEach, type TestContext, test } from "node:test";
import { Poll } from "../../src/shared/poll";

const page = Object.assign(new EventTarget(), { hidden: false });
Object.assign(globalThis, { window: globalThis, document: page });

beforeEach(() => {
  page.hidden = false;
});

/** Lets what was resolved go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A poll of 100 ms whose answers come when the test says so. */
function start(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const answers: ((goOn: boolean) => void)[] = [];
  const poll = new Poll(() => new Promise((resolve) => answers.push(resolve)), 100);
  t.after(() => poll.stop());
  const answer = async (goOn = true) => {
    answers.at(-1)?.(goOn);
    await settle();
  };
  return { poll, asked: () => answers.length, answer };
}

test("it asks at once, and again when a pause after the answer is over", async (t) => {
  const { asked, answer } = start(t);
  assert.equal(asked(), 1);
  t.mock.timers.tick(1_000);
  assert.equal(asked(), 1, "an answer that takes long is waited for");
  await answer();
  t.mock.timers.tick(99);
  assert.equal(asked(), 1);
  t.mock.timers.tick(1);
  assert.equal(asked(), 2);
});

test("what is wanted while it asks is asked for once, after it", async (t) => {
  const { poll, asked, answer } = start(t);
  poll.again();
  poll.again();
  assert.equal(asked(), 1);
  await answer();
  assert.equal(asked(), 2);
  await answer();
  assert.equal(asked(), 2);
});

test("nobody looks: it rests, and asks when somebody does", async (t) => {
  const { asked, answer } = start(t);
  await answer();
  page.hidden = true;
  t.mock.timers.tick(500);
  assert.equal(asked(), 1);
  page.hidden = false;
  page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(asked(), 2);
});

test("it ends when it is stopped, or when there is no use in going on", async (t) => {
  const { poll, asked, answer } = start(t);
  await answer(false);
  t.mock.timers.tick(500);
  page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(asked(), 1);
  poll.stop();
});
