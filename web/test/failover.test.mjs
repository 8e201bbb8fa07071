// The voice page and the fleet page when the node that serves them and runs the session is killed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { patience, phase, say, sessionId, start, useRig } from "./rig.mjs";

const rig = useRig({ nodes: 2 });

const answer = 'Say "The lighthouse has two hundred and seven steps, and a lamp at the top."';

/** Waits until the page has been told of `n` answers, and plays the last. */
async function answered(page, n) {
  const told = (n) => window.switchboard.received.filter((event) => event.type === "response.done" && event.response.status === "completed").length === n;
  await page.waitForFunction(told, n, patience);
  await page.waitForFunction((n) => window.switchboard.player.begun.length === n && window.switchboard.player.played > 0, n, patience);
}

/** The conversation, as a node has it; what is typed cuts an answer short that is still played. */
async function conversation(node, id) {
  const response = await fetch(`${node.origin}/realtime/sessions/${id}/items`, { headers: { authorization: `Bearer ${rig.gateway.key}` } });
  assert.equal(response.status, 200);
  return (await response.json()).items.map((item) => [item.id, item.role, item.status, item.spoken ?? item.text]);
}

test("a node is killed under both pages: the session speaks again on the other node, and the fleet page goes on", async (t) => {
  const [first, second] = rig.nodes;
  const voice = await rig.voicePage(t);
  await start(voice, { spoken: true, instructions: answer });
  const id = await sessionId(voice);
  await say(voice, "How many steps are there?");
  await answered(voice, 1);
  const before = await conversation(second, id);
  const fleet = await rig.deskPage(t);
  const row = fleet.locator(`[data-testid="sessions"] [data-id="${id}"]`);
  await row.getByText(`on ${first.host}`).waitFor();

  const began = performance.now();
  await first.kill();
  await phase(voice, "reconnecting");
  await say(voice, "And at the top?"); // it waits for the connection
  await voice.waitForFunction(() => window.switchboard.player.begun.length === 2 && window.switchboard.player.played > 0, null, patience);
  t.diagnostic(`it spoke again ${Math.round(performance.now() - began)} ms after the kill`);

  await t.test("the conversation is intact, and was not said twice", async () => {
    await answered(voice, 2);
    const after = await conversation(second, id);
    assert.deepEqual(after.slice(0, before.length), before);
    assert.deepEqual(
      after.slice(before.length).map(([_, role, status]) => `${role} ${status}`),
      ["user completed", "assistant completed"],
    );
    assert.equal(await voice.evaluate(() => window.switchboard.reconnects), 1);
    for (const said of ["How many steps are there?", "And at the top?"]) await voice.getByText(said, { exact: true }).waitFor();
  });

  await t.test("the fleet page shows the session on the node that is left", async () => {
    await fleet.getByTestId("phase").getByText("Live").waitFor();
    await row.getByText(`on ${second.host}`).waitFor();
    await row.getByRole("link").click();
    await fleet.getByText("And at the top?").first().waitFor();
  });
});
