// The voice page when the network goes away, or the page itself: what was said, interrupted and typed is not lost with it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { patience, phase, say, sessionId, start, useRig } from "./rig.mjs";

const rig = useRig();

/** The stand-in needs 8 s to generate it, and says it in 30 s. */
const longAnswer = `Say "${"Let me tell you about the harbour, the lighthouse and the people who live between them. ".repeat(6).trim()}"`;

async function loseNetwork(page) {
  rig.network.refuse(true);
  rig.network.cut();
  await phase(page, "reconnecting");
}

async function restoreNetwork(page) {
  rig.network.refuse(false);
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await phase(page, "live");
}

const items = async (id) => (await rig.rest("GET", `/realtime/sessions/${id}/items`)).items;

/** Waits until the gateway's conversation satisfies `wanted`. */
async function eventually(id, wanted) {
  for (let tries = 0; tries < 200; tries++) {
    const all = await items(id);
    if (wanted(all)) return all;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(JSON.stringify(await items(id)));
}

test("an answer that is interrupted while the connection is away is cut at the gateway as soon as it is back", async (t) => {
  const page = await rig.voicePage(t);
  await start(page, { spoken: true, instructions: longAnswer });
  const id = await sessionId(page);
  await say(page, "Tell me a long story.");
  await page.waitForFunction(() => window.switchboard.player.played > 24_000, null, patience);
  t.after(() => rig.network.refuse(false));
  await loseNetwork(page);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => window.switchboard.player.cut.length > 0, null, patience);
  const [cut] = await page.evaluate(() => window.switchboard.player.cut);
  await restoreNetwork(page);
  const all = await eventually(id, (all) => all.some((item) => item.heard_ms !== undefined));
  assert.equal(all.find((item) => item.id === cut.item).heard_ms, Math.floor(cut.played / 24), "what was heard is what it remembers");
  const sent = await page.evaluate(() => window.switchboard.sent.map((event) => event.type));
  assert.equal(sent.filter((type) => type === "conversation.item.truncate").length, 1, "told once");
});

test("an interruption that was sent into a dead connection is sent again", async (t) => {
  const page = await rig.voicePage(t);
  await start(page, { spoken: true, instructions: longAnswer });
  const id = await sessionId(page);
  await say(page, "Tell me a long story.");
  await page.waitForFunction(() => window.switchboard.player.played > 24_000, null, patience);
  t.after(() => rig.network.refuse(false));
  rig.network.stall(); // the socket is open as far as the browser knows
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => window.switchboard.player.cut.length > 0, null, patience);
  await loseNetwork(page);
  await restoreNetwork(page);
  await eventually(id, (all) => all.some((item) => item.heard_ms !== undefined));
});

test("what is typed while the connection is away waits, is sent once, and does not silence the answer before", async (t) => {
  const page = await rig.voicePage(t);
  await start(page, { spoken: true, instructions: longAnswer });
  const id = await sessionId(page);
  await say(page, "Tell me a long story.");
  await page.waitForFunction(() => window.switchboard.player.played > 24_000, null, patience);
  t.after(() => rig.network.refuse(false));
  await loseNetwork(page);
  await say(page, "Are you still there?");
  await say(page, "Hello?");
  const waiting = page.locator('.line[data-state="queued"]');
  await waiting.nth(1).waitFor();
  assert.match(await waiting.first().innerText(), /Are you still there\?[\s\S]*sent when the connection is back/);
  assert.equal(await page.evaluate(() => window.switchboard.player.cut.length), 0, "the answer is played on");
  assert.equal(await page.getByLabel("Message").inputValue(), "");
  await restoreNetwork(page);
  const all = await eventually(id, (all) => all.filter((item) => item.text === "Hello?").length > 0);
  assert.equal(all.filter((item) => item.text === "Are you still there?").length, 1);
  await waiting.first().waitFor({ state: "detached" });
  assert.equal(await page.getByTestId("notice").count(), 0);
  await page.waitForFunction(() => window.switchboard.sent.filter((event) => event.type === "response.create").length === 2, null, patience);
});

test("what was typed into a dead connection is sent again, and what arrived is not", async (t) => {
  const page = await rig.voicePage(t);
  await start(page);
  const id = await sessionId(page);
  t.after(() => rig.network.refuse(false));
  rig.network.stall();
  await say(page, "Into the void.");
  await page.getByText("Into the void.", { exact: true }).waitFor();
  await loseNetwork(page);
  await restoreNetwork(page);
  await eventually(id, (all) => all.some((item) => item.role === "assistant" && item.status === "completed"));
  assert.equal((await items(id)).filter((item) => item.text === "Into the void.").length, 1);
});

test("attempts to connect again are read out once, and promise nothing", async (t) => {
  const page = await rig.voicePage(t);
  await start(page);
  t.after(() => rig.network.refuse(false));
  await loseNetwork(page);
  const lost = page.getByTestId("lost");
  await lost.waitFor();
  const spoken = () => lost.evaluate((el) => [...el.querySelectorAll(":not([aria-hidden] *, [aria-hidden])")].map((e) => e.textContent).join(" "));
  const first = await spoken();
  await page
    .getByTestId("attempt")
    .getByText(/attempt [3-9]/)
    .waitFor();
  assert.equal(await spoken(), first);
  assert.doesNotMatch(first, /session itself goes on/);
  await restoreNetwork(page);
});

test("a call is not left without a question, and goes on after a reload", async (t) => {
  const page = await rig.voicePage(t);
  await start(page);
  const id = await sessionId(page);
  await say(page, "Remember the number 42.");
  await page.getByText("You said: Remember the number 42.", { exact: true }).waitFor();

  const questions = [];
  page.on("dialog", (dialog) => {
    questions.push(dialog.type());
    return dialog.accept();
  });
  const beside = page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Fleet" });
  const [fleet] = await Promise.all([page.context().waitForEvent("page"), beside.click()]);
  await fleet.getByTestId("phase").getByText("Live").waitFor(patience); // with the tab's key
  await fleet.close();
  assert.equal(await page.evaluate(() => window.switchboard.phase), "live");

  await page.reload();
  assert.deepEqual(questions, ["beforeunload"]);
  await page.getByTestId("left").getByText("Go on with the session of a moment ago?").waitFor();
  assert.notEqual((await rig.rest("GET", `/realtime/sessions/${id}`)).status, "ended");
  await page.getByRole("button", { name: "Go on" }).click();
  await phase(page, "live");
  assert.equal(await sessionId(page), id);
  await page.getByText("You said: Remember the number 42.", { exact: true }).waitFor();
  await say(page, "Which number?");
  await page.getByText("You said: Which number?", { exact: true }).waitFor();
  await page.getByTestId("end").click();
  await phase(page, "ended");
  await page.reload();
  await page.getByTestId("start").waitFor();
  assert.equal(await page.getByTestId("left").count(), 0, "an ended session is not offered");
  assert.equal(questions.length, 1, "nothing is asked without a call");
});

test("a reload in the middle of an answer: what was heard of it is what it remembers", async (t) => {
  const page = await rig.voicePage(t);
  page.on("dialog", (dialog) => dialog.accept());
  await start(page, { spoken: true, instructions: longAnswer });
  const id = await sessionId(page);
  await say(page, "Tell me a long story.");
  await page.waitForFunction(() => window.switchboard.player.played > 24_000, null, patience);
  await page.reload();
  await page.getByRole("button", { name: "Go on" }).click();
  await phase(page, "live");
  await eventually(id, (all) => all.some((item) => item.heard_ms > 900));
  await page.getByTestId("end").click();
});

test("a session that ended while the page was away is not offered, and one that is not wanted is ended", async (t) => {
  const page = await rig.voicePage(t);
  page.on("dialog", (dialog) => dialog.accept());
  await start(page);
  let id = await sessionId(page);
  await rig.rest("DELETE", `/realtime/sessions/${id}`);
  await phase(page, "ended");
  await page.evaluate((id) => sessionStorage.setItem("switchboard.session", JSON.stringify({ id, relayUrl: "", answers: "text", leftAt: Date.now() })), id);
  const looked = page.waitForResponse((response) => response.url().endsWith(id) && response.request().method() === "GET");
  await page.reload();
  await looked;
  await page.getByTestId("left").waitFor({ state: "detached" });

  await start(page);
  id = await sessionId(page);
  await page.reload();
  await page.getByRole("button", { name: "End it" }).click();
  await page.getByTestId("left").waitFor({ state: "detached" });
  await page.waitForFunction(
    async ([id, key]) => (await (await fetch(`/realtime/sessions/${id}`, { headers: { authorization: `Bearer ${key}` } })).json()).status === "ended",
    [id, rig.gateway.key],
    patience,
  );
});

test("after End the meters rest and the figures stay", async (t) => {
  const page = await rig.voicePage(t);
  await page.evaluate(() => {
    window.AudioWorkletNode = class extends AudioWorkletNode {
      constructor(context, name, options) {
        super(context, name, options);
        if (name === "capture") window.capture = this;
      }
    };
  });
  await start(page, { spoken: true });
  const id = await sessionId(page);
  const you = page.getByLabel("Microphone level");
  // Frames of somebody who speaks are on their way when the session ends.
  await page.getByTestId("end").evaluate(async (button) => {
    const frame = () => window.capture.port.dispatchEvent(new MessageEvent("message", { data: { pcm: new ArrayBuffer(1_920), level: 0.5 } }));
    frame();
    await new Promise((resolve) => setTimeout(resolve, 200));
    button.click();
    frame();
  });
  await phase(page, "ended");
  await page.waitForFunction(() => document.querySelector('meter[aria-label="Microphone level"]').value === 0, null, { timeout: 10_000 });
  assert.equal(await you.evaluate((meter) => meter.value), 0, "it does not listen any more");

  const last = page.getByTestId("last-session");
  await last.getByRole("link", { name: id }).waitFor();
  assert.match(await last.innerText(), /Time\s+0:\d\d/);
  const [fleet] = await Promise.all([page.context().waitForEvent("page"), last.getByRole("link", { name: id }).click()]);
  await fleet.getByRole("heading", { name: id }).waitFor(patience);
});
