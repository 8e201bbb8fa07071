// An operator hears a call on the fleet page: both sides, where the session allows it, and on after its node is killed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { patience, sessionId, start, useRig } from "./rig.mjs";

const rig = useRig({ plan: [1, 1.5, 3, 0.1], nodes: 2, env: { SWITCHBOARD_LISTEN_IN: "announced", SWITCHBOARD_API_KEYS: "shop:app:sk-shop" } });

/** Waits until a side is heard. */
async function heard(listen, side) {
  const meter = await listen.getByLabel(side).elementHandle(patience);
  await listen.page().waitForFunction((meter) => meter.value > 0.005, meter, { ...patience, polling: 20 });
}

test("an operator hears both sides, the caller is told, and listening goes on when the node is killed", async (t) => {
  const voice = await rig.voicePage(t);
  await start(voice, { spoken: true, instructions: 'Say "The lighthouse has two hundred and seven steps, and a lamp at the top."' });
  const id = await sessionId(voice);
  const page = await rig.deskPage(t, { at: `#/sessions/${id}` });
  const listen = page.getByTestId("listen");
  await listen.getByText("The caller is told when you listen.").waitFor();
  await listen.getByRole("button", { name: "Listen in" }).click();
  await listen.getByText("You hear both sides. The caller is told.").waitFor();
  await voice.getByTestId("listeners").getByText("Somebody listens in.").waitFor();
  await Promise.all([heard(listen, "Caller"), heard(listen, "Model")]);

  await t.test("again and again, until it is stopped", async () => {
    await listen.getByRole("button", { name: "Stop listening" }).click();
    await voice.getByTestId("listeners").waitFor({ state: "detached" });
    await listen.getByRole("button", { name: "Listen in" }).click();
    await voice.getByTestId("listeners").waitFor();
    const { entries } = await rig.rest("GET", `/audit?session_id=${id}&action=listen-session*`);
    assert.deepEqual(new Set(entries.map((e) => `${e.action} ${e.by}`)), new Set(["listen-session fleet", "listen-session.ended fleet"]));
  });

  await t.test("the node is killed", async () => {
    await rig.nodes[0].kill();
    await listen.getByText("You hear both sides.").waitFor();
    await page.waitForFunction(() => document.querySelector('[data-testid="listen"]').dataset.state === "listening", null, patience);
    await voice.waitForFunction(() => window.switchboard.phase === "live", null, patience);
    await heard(listen, "Caller");
  });

  await t.test("the session ends", async () => {
    await voice.getByRole("button", { name: /^End/ }).first().click();
    await listen.waitFor({ state: "detached" });
  });
});

test("a session that does not allow it offers no button, and a key without the role is told", async (t) => {
  const created = { session_id: "silent", config: { instructions: "Be brief." }, listen_in: "never" };
  await fetch(`${rig.nodes[1].origin}/realtime/sessions`, {
    method: "POST",
    headers: { authorization: "Bearer sk-shop", "content-type": "application/json" },
    body: JSON.stringify(created),
  });
  const page = await rig.deskPage(t, { at: "#/sessions/silent" });
  await page.getByTestId("listen").getByText("This session does not allow listening in").waitFor();
  assert.equal(await page.getByRole("button", { name: "Listen in" }).count(), 0);
  const app = await rig.deskPage(t, { key: "sk-shop", at: "#/sessions/silent" });
  await app.getByTestId("listen").waitFor();
  assert.equal(await app.getByRole("button", { name: "Listen in" }).count(), 0);
});
