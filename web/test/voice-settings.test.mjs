// The voice page beyond speaking: what a session is to be like, functions, the event log, the transcript, and the mute hint.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { violations } from "./axe.mjs";
import { patience, phase, say, sessionId, start, useRig } from "./rig.mjs";

/** Somebody speaks most of the time. */
const rig = useRig({ plan: [1, 4, 1, 4, 1, 4, 600] });

const clipboard = { permissions: ["clipboard-read", "clipboard-write", "microphone"] };
const sizes = {
  wide: { viewport: { width: 1280, height: 900 } },
  phone: { viewport: { width: 390, height: 844 } },
};

async function unfoldSide(page) {
  const fold = page.locator(".side-summary");
  if (await fold.isVisible()) await fold.click();
}

async function addFunction(page, { name, description = "", parameters = "", result }) {
  await page.getByRole("button", { name: "Add a function" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("What it does").fill(description);
  await page.getByLabel("JSON schema of its arguments").fill(parameters);
  await page.getByLabel("Result", { exact: true }).fill(result);
  await page.getByRole("button", { name: "Save the function" }).click();
}

const configOf = async (id) => (await rig.rest("GET", `/realtime/sessions/${id}`)).session;

test("model, turns, noise reduction and speed are those that were chosen, and are remembered", async (t) => {
  const page = await rig.voicePage(t);
  await page.getByText("Model, turns and sound").click();
  await page.getByLabel("Model", { exact: true }).fill("gpt-realtime-2.1-mini");
  await page.getByLabel("What I said").check();
  await page.getByLabel("Room").check();
  await page.getByLabel(/Speed of the voice/).fill("1.25");
  await page.reload();
  await start(page, { spoken: true });
  const session = await configOf(await sessionId(page));
  assert.equal(session.model, "gpt-realtime-2.1-mini");
  assert.equal(session.audio.input.turn_detection.type, "semantic_vad");
  assert.equal(session.audio.input.noise_reduction.type, "far_field");
  assert.equal(session.audio.output.speed, 1.25);
  await page.getByTestId("end").click();
});

test("where nothing detects the end of a turn, a button ends it", async (t) => {
  const page = await rig.voicePage(t);
  await page.getByText("Model, turns and sound").click();
  await page.getByLabel("A button").check();
  await start(page, { spoken: true });
  assert.equal((await configOf(await sessionId(page))).audio.input.turn_detection ?? null, null);
  await page.waitForFunction(() => window.switchboard.counts["input_audio_buffer.append"] > 60, null, patience);
  await page.getByTestId("end-turn").click();
  await page.waitForFunction(() => window.switchboard.player.played > 0, null, patience);
  assert.deepEqual(await page.evaluate(() => window.switchboard.transcript.slice(0, 2).map((e) => e.role)), ["user", "assistant"]);
  await page.getByTestId("end").click();
});

test("a function that was made up is called, and answered by the page", async (t) => {
  const page = await rig.voicePage(t);
  await page.getByText("Functions", { exact: true }).click();
  await addFunction(page, { name: "look up", result: "" });
  await page.getByText("The name has 1 to 64 letters").waitFor();
  await page.getByLabel("Name", { exact: true }).fill("look_up_order");
  await page.getByLabel("JSON schema of its arguments").fill("{");
  await page.getByLabel("Name", { exact: true }).press("Enter");
  await page.getByText(/is no JSON/).waitFor();
  assert.equal(await page.evaluate(() => window.switchboard.phase), "idle", "Enter starts no session");
  await page.getByLabel("JSON schema of its arguments").fill('{"type": "object", "properties": {"order": {"type": "string"}}}');
  await page.getByLabel("Result", { exact: true }).fill('{"state": "on its way"}');
  await page.getByRole("button", { name: "Save the function" }).click();
  await page.getByText("Functions (1)").waitFor();
  await page.reload();
  await start(page);
  const id = await sessionId(page);
  await say(page, "Use look_up_order please.");
  const result = page.getByTestId("call-result");
  await result.waitFor();
  await result.locator("summary").click();
  assert.equal(await result.locator("pre").innerText(), '{\n  "state": "on its way"\n}');
  await page.waitForFunction(() => window.switchboard.transcript.findLast((e) => e.role === "assistant" && e.state === "done"), null, patience);
  const { items } = await rig.rest("GET", `/realtime/sessions/${id}/items`);
  assert.equal(items.filter((item) => item.type === "function_call_output").length, 1, "it is answered once");
  assert.equal(await page.getByTestId("notice").count(), 0);
  await page.getByTestId("end").click();
  await phase(page, "ended");
  await page.getByText("Functions (1)").click();
  await page.getByRole("button", { name: "Remove look_up_order" }).click();
  await start(page);
  assert.equal((await configOf(await sessionId(page))).tools?.length ?? 0, 0);
  await page.getByTestId("end").click();
});

test("who is muted and speaks is told so", async (t) => {
  const page = await rig.voicePage(t);
  await start(page, { spoken: true });
  await page.getByTestId("mute").click();
  const hint = page.getByRole("alert").getByText("You are muted");
  await hint.waitFor();
  assert.equal(await page.getByLabel("Microphone level").evaluate((meter) => meter.value), 0, "nothing is sent, and nothing is shown as heard");
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "Unmute" }).click();
  await hint.waitFor({ state: "detached" });
  assert.equal(await page.getByTestId("mute").getAttribute("aria-pressed"), "false");
  await page.getByTestId("end").click();
});

test("the event log is filtered and copied", async (t) => {
  const page = await rig.voicePage(t, clipboard);
  await start(page);
  await say(page, "Hello in writing.");
  await page.waitForFunction(() => window.switchboard.received.some((e) => e.type === "response.done"), null, patience);
  await page.getByText("Event log").click();
  const log = page.getByRole("list", { name: "Events, the newest first" });
  await log.getByText("response.done").waitFor();
  await log.getByText("response.output_text.delta").waitFor();
  await page.getByLabel("Type or text").fill("Hello in writing");
  await page.getByLabel("Sent", { exact: true }).check();
  await page.getByText("1 event, without audio").waitFor();
  await log.getByText("conversation.item.create").click();
  assert.match(await log.locator("pre").innerText(), /"text": "Hello in writing\."/);
  await page.getByRole("button", { name: "Copy these events" }).click();
  await page.getByText("Copied").waitFor();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  assert.equal(copied.way, "sent");
  assert.equal(copied.event.item.content[0].text, "Hello in writing.");
  await page.getByTestId("end").click();
});

test("the transcript is copied and saved, in the call and after it", async (t) => {
  const page = await rig.voicePage(t, clipboard);
  await start(page, { instructions: 'Say "Good morning."' });
  await say(page, "Hello in writing.");
  await page.waitForFunction(() => window.switchboard.received.some((e) => e.type === "response.done"), null, patience);
  const wanted = "You: Hello in writing.\n\nAssistant: Good morning.";
  for (const when of ["in the call", "after it"]) {
    await page.getByRole("button", { name: "Copy the transcript" }).click();
    await page.getByText("Copied").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), wanted, when);
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save the transcript" }).click()]);
    assert.equal(file.suggestedFilename(), `${await sessionId(page)}.txt`);
    assert.equal(await readFile(await file.path(), "utf8"), wanted, when);
    if (when === "in the call") await page.getByTestId("end").click();
    await phase(page, "ended");
  }
});

test("after a reload the page receives what it missed, from the last event that it had", async (t) => {
  const page = await rig.voicePage(t);
  page.on("dialog", (dialog) => dialog.accept());
  await start(page, { instructions: 'Say "Good morning."' });
  const id = await sessionId(page);
  await say(page, "Before the reload.");
  await page.waitForFunction(() => window.switchboard.received.some((e) => e.type === "response.done"), null, patience);
  await page.reload();
  await page.getByTestId("left").waitFor();
  await rig.rest("POST", `/realtime/sessions/${id}/message`, { text: "While it was away." });
  await page.waitForFunction(
    async ([id, key]) => {
      const answer = await fetch(`/realtime/sessions/${id}/items`, { headers: { authorization: `Bearer ${key}` } });
      return (await answer.json()).items.filter((item) => item.role === "assistant" && item.status === "completed").length === 2;
    },
    [id, rig.gateway.key],
    patience,
  );
  const sockets = [];
  page.on("websocket", (socket) => sockets.push(socket.url()));
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByText("While it was away.", { exact: true }).waitFor();
  await page.waitForFunction(() => window.switchboard.transcript.filter((e) => e.role === "assistant" && e.state === "done").length === 2, null, patience);
  assert.match(sockets[0], /last_event_id=/);
  const lines = await page.evaluate(() => window.switchboard.transcript.map((e) => `${e.role}: ${e.parts.join(" ")}`));
  assert.deepEqual(lines, ["user: Before the reload.", "assistant: Good morning.", "user: While it was away.", "assistant: Good morning."]);
  assert.equal(await page.evaluate(() => window.switchboard.received.some((e) => e.type === "switchboard.session.reset")), false, "it is a resume, not a new beginning");
  await page.getByTestId("end").click();
});

for (const [size, options] of Object.entries(sizes)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`settings, functions and event log: accessible and not too wide, ${size}, ${colorScheme}`, async (t) => {
      const page = await rig.voicePage(t, { ...options, colorScheme, reducedMotion: "reduce" });
      await unfoldSide(page);
      await page.getByLabel("Written").check();
      await page.getByLabel("Spoken").check();
      await page.getByText("Model, turns and sound").click();
      await page.getByText("Functions", { exact: true }).click();
      await addFunction(page, { name: "x".repeat(64), result: "y".repeat(300) });
      await page.getByRole("button", { name: /^Edit/ }).click();
      const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.deepEqual(await violations(page), []);
      assert.equal(await overflow(), 0);
      await page.getByLabel("Written").check();
      await page.getByTestId("start").click();
      await phase(page, "live");
      await say(page, "Hello.");
      await page.getByText("Event log").click();
      await page.getByRole("list", { name: "Events, the newest first" }).locator("li").nth(4).waitFor();
      assert.deepEqual(await violations(page), []);
      assert.equal(await overflow(), 0);
      await page.getByTestId("end").click();
    });
  }
}
