// The fleet page in an operator's day: counts that can be trusted, addresses that can be sent, changes that ask first.

import assert from "node:assert/strict";
import { test } from "node:test";
import { sessionId, start, useRig } from "./rig.mjs";

const rig = useRig({ env: { SWITCHBOARD_API_KEYS: "shop:app:sk-shop,op:operator:sk-op-operator" } });

async function sessions(t, n, name, labels) {
  for (let i = 0; i < n; i++) await rig.session(t, `${name}-${i}`, { labels });
}

test("a broadcast that replaces, or reaches everybody, asks first; the next one begins from nothing", async (t) => {
  await sessions(t, 3, "asked", { team: "billing" });
  await rig.session(t, "asked-other");
  const page = await rig.deskPage(t, { at: "#/broadcasts" });
  let sent = 0;
  page.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/realtime/broadcasts")) sent++;
  });
  await page.getByTestId("reach").getByText("4 sessions on 1 node now").waitFor();
  await page.getByLabel("Instructions").fill("Forget everything.");
  await page.getByLabel("Only sessions with").fill("team:billing");
  await page.keyboard.press("Tab");
  await page.getByTestId("reach").getByText("3 sessions now").waitFor();
  await page.getByLabel("Replace them").check();
  await page.getByTestId("submit").click();
  const question = page.getByTestId("question");
  await question.getByText("Replace the instructions of 3 sessions?").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "No", "Enter alone sends nothing");
  await page.keyboard.press("Enter");
  await page.getByTestId("submit").waitFor();
  assert.equal(sent, 0);
  await page.getByTestId("submit").click();
  await question.getByRole("button", { name: "Send it" }).click();
  await page.getByText("Applied 3").waitFor();
  assert.equal(sent, 1);

  await page.getByText("Session by session").click();
  await page.getByTestId("outcomes").getByText("asked-2").waitFor();
  await page.getByLabel("Only", { exact: true }).selectOption("refused");
  await page.getByTestId("outcomes").getByText("None went this way.").waitFor();

  assert.equal(await page.getByLabel("Only sessions with").inputValue(), "");
  assert.equal(await page.getByLabel("Add to them").isChecked(), true);
  await page.getByLabel("Instructions").fill("Be kind.");
  await page.getByTestId("submit").click();
  await question.getByText("Change every session: 4 sessions on 1 node?").waitFor();
  await page.keyboard.press("Escape");
  await page.getByTestId("submit").waitFor();
  assert.equal(sent, 1);
});

test("instructions are changed in sight of those that there are, and the change can be undone", async (t) => {
  await rig.session(t, "changed", { config: { instructions: "Be brief. Speak Dutch." } });
  const { id } = await rig.rest("POST", "/realtime/broadcasts", { instructions: "We close at four.", sticky: true });
  t.after(() => rig.rest("DELETE", `/realtime/broadcasts/${id}`));
  const page = await rig.deskPage(t, { at: "#/sessions/changed?show=instructions" });
  const before = page.getByTestId("before");
  const own = page.getByTestId("own");
  await own.getByText("Be brief. Speak Dutch.", { exact: true }).waitFor();
  await page.getByTestId("standing").getByText("We close at four.").waitFor();
  assert.equal(await page.getByTestId("standing").getByRole("link").getAttribute("href"), `#/broadcasts/${id}`);
  await page.getByRole("button", { name: "Begin with these" }).click();
  const field = page.getByLabel("New instructions");
  assert.equal(await field.inputValue(), "Be brief. Speak Dutch.");
  await field.fill("Be brief. Speak German.");
  assert.equal(await before.locator("del").innerText(), "Dutch.");
  assert.equal(await before.locator("ins").innerText(), "German.");
  await page.getByRole("button", { name: "Change them" }).click();
  await own.getByText("Be brief. Speak German.", { exact: true }).waitFor();
  const now = async () => (await rig.rest("GET", "/realtime/sessions/changed")).session.instructions;
  assert.equal(await now(), "Be brief. Speak German.\n\nWe close at four.");
  await page.getByRole("button", { name: "Undo the change" }).click();
  await own.getByText("Be brief. Speak Dutch.", { exact: true }).waitFor();
  assert.equal(await now(), "Be brief. Speak Dutch.\n\nWe close at four.");
});

test("something can be said without an answer, and the operator is told who sees it", async (t) => {
  await rig.session(t, "told-only");
  const page = await rig.deskPage(t, { at: "#/sessions/told-only" });
  await page.getByText("Whoever is attached sees it in the transcript").waitFor();
  await page.getByLabel("Have it answered").uncheck();
  await page.getByLabel("Operator", { exact: true }).check();
  await page.getByLabel("Message").fill("The customer is a VIP.");
  await page.getByRole("button", { name: "Say it" }).click();
  await page.getByTestId("conversation").getByText("The customer is a VIP.").waitFor();
  await page.getByRole("status").getByText("Said", { exact: true }).waitFor();
  const { items } = await rig.rest("GET", "/realtime/sessions/told-only/items");
  assert.deepEqual(
    items.map((item) => item.role),
    ["system"],
  );
});

test("who ended a session is told to the caller and to the fleet", async (t) => {
  for (const [end, told, recorded] of [
    ["operator", "An operator ended the call", "ended by operator op"],
    ["caller", "", "ended by the caller"],
  ]) {
    const voice = await rig.voicePage(t);
    await start(voice);
    const id = await sessionId(voice);
    if (end === "caller") await voice.getByTestId("end").click();
    else await rig.rest("DELETE", `/realtime/sessions/${id}`, undefined, "sk-op-operator");
    await voice.waitForFunction(() => window.switchboard.phase === "ended");
    if (told) await voice.getByTestId("notice").getByText(told).waitFor();
    const fleet = await rig.deskPage(t, { at: `#/sessions/${id}` });
    await fleet.getByTestId("session").getByText(recorded).waitFor();
  }
});
