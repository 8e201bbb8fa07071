// One session on the fleet page, as operators at two nodes see and steer it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { violations } from "./axe.mjs";
import { useRig } from "./rig.mjs";

const rig = useRig({ nodes: 2, env: { SWITCHBOARD_API_KEYS: "shop:app:sk-shop,other:app:sk-other,ann:operator:sk-ann-operator,bob:operator:sk-bob-operator" } });

const hostile = `<img src=x onerror="throw 1">`;
const ann = { key: "sk-ann-operator" };
const bob = { key: "sk-bob-operator" };
const address = (id, show) => `#/sessions/${id}${show ? `?show=${show}` : ""}`;
const part = (page, name) => page.getByRole("navigation", { name: "Parts of the session" }).getByRole("button", { name }).click();
const weather = { type: "function", name: "weather", description: "The weather", parameters: { type: "object", properties: { city: { type: "string" } } } };

/** A page of the second node. */
async function elsewhere(t, { key, at, ...options }) {
  const page = await rig.chromium.open(t, options);
  page.setDefaultTimeout(40_000);
  await page.goto(`${rig.nodes[1].origin}/fleet#key=${key}`);
  await page.getByTestId("phase").getByText("Live").waitFor();
  if (at) await page.evaluate((at) => (location.hash = at), at);
  return page;
}

test("what was said has its time and latency, calls unfold, and all of it is exported", async (t) => {
  await rig.session(t, "said", { labels: { team: hostile }, config: { instructions: hostile, output_modalities: ["text"], tools: [weather] } });
  const page = await rig.deskPage(t, { ...ann, at: address("said") });
  await rig.rest("POST", "/realtime/sessions/said/message", { text: `${hostile} --> hello` });
  const lines = page.getByTestId("conversation").locator("> li");
  await lines.nth(1).getByTestId("latency").waitFor();
  assert.match(await lines.nth(1).getByTestId("latency").innerText(), /after \d+\.\d\d s/);
  assert.match(await lines.nth(0).locator("time").getAttribute("datetime"), /^\d{4}-\d\d-\d\dT/);
  await page.reload();
  await lines.nth(1).getByTestId("latency").waitFor();
  assert.deepEqual(await violations(page), []);

  for (const [name, file, wanted] of [
    ["JSON", "session-said.json", /"latency_ms"/],
    ["Text", "session-said.txt", /User: <img src=x/],
    ["WebVTT", "session-said.vtt", /^WEBVTT[\s\S]*<v User>&lt;img/],
  ]) {
    const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("group", { name: "Export the conversation" }).getByRole("button", { name }).click()]);
    assert.equal(saved.suggestedFilename(), file);
    assert.match(await readFile(await saved.path(), "utf8"), wanted);
  }
});

test("two operators answer one function call: one is told that it was answered, and keeps what was written", async (t) => {
  await rig.session(t, "asked", { config: { output_modalities: ["text"], tools: [weather] } });
  const [a, b] = [await rig.deskPage(t, { ...ann, at: address("asked") }), await elsewhere(t, { ...bob, at: address("asked") })];
  await rig.rest("POST", "/realtime/sessions/asked/message", { text: `Please call weather {"city":"Rotterdam"}` });
  const [fieldA, fieldB] = [a.getByLabel("Result of weather"), b.getByLabel("Result of weather")];
  await fieldB.fill('{"sky":"blue"}');
  await fieldA.fill('{"sky":"grey"}');
  await a.getByTestId("waiting-calls").getByTestId("call-arguments").locator("summary").click();
  await a.getByTestId("waiting-calls").getByText('"city": "Rotterdam"').waitFor();
  assert.deepEqual(await violations(a), []);
  await a.getByRole("button", { name: "Answer it" }).click();
  await a.getByTestId("conversation").getByText("The weather tool says").waitFor();
  assert.equal(await a.getByTestId("waiting-calls").count(), 0);
  const told = b.getByRole("alert").filter({ hasText: "weather was answered while you wrote" });
  await told.getByText('{"sky":"blue"}').waitFor();
  assert.deepEqual(await violations(b), []);
  await told.getByRole("button", { name: "Discard what I wrote" }).click();
  await told.waitFor({ state: "detached" });
});

test("operators see each other, at other nodes too, and that somebody has left", async (t) => {
  await rig.session(t, "shared");
  const a = await rig.deskPage(t, { ...ann, at: address("shared") });
  await a.getByText("Nothing was said yet.").waitFor();
  assert.equal(await a.getByTestId("viewers").innerText(), "");
  const b = await elsewhere(t, { ...bob, at: address("shared") });
  await a.getByTestId("viewers").getByText("Also viewed by bob").waitFor();
  await b.getByTestId("viewers").getByText("Also viewed by ann").waitFor();
  const again = await elsewhere(t, { ...ann, at: address("shared") });
  await a.getByTestId("viewers").getByText("Also viewed by ann, your own key; bob").waitFor();
  await again.getByRole("link", { name: "← Sessions" }).click();
  await b.getByRole("link", { name: "← Sessions" }).click();
  await a.waitForFunction(() => document.querySelector('[data-testid="viewers"]').textContent === "");
});

test("a whisper reaches the model and never the caller", async (t) => {
  await rig.session(t, "whispered", { config: { output_modalities: ["text"] } });
  const { value } = await rig.rest("POST", "/realtime/sessions/whispered/client-secret");
  const caller = await elsewhere(t, { ...bob });
  await caller.evaluate((value) => {
    window.heard = [];
    const socket = new WebSocket("/realtime/sessions/whispered/relay", ["realtime", `openai-insecure-api-key.${value}`]);
    socket.onmessage = ({ data }) => window.heard.push(data);
    return new Promise((resolve) => (socket.onopen = resolve));
  }, value);
  const page = await rig.deskPage(t, { ...ann, at: address("whispered") });
  const form = page.getByRole("form", { name: "Whisper to the model" });
  await form.getByText("The caller never sees this.").waitFor();
  await form.getByRole("textbox", { name: "Whisper" }).fill("Offer a discount.");
  await form.getByRole("button", { name: "Whisper it" }).click();
  const line = page.getByTestId("conversation").locator("[data-private]");
  await line.getByText("Offer a discount.").waitFor();
  await line.getByText("the caller never sees this").waitFor();
  await page.getByLabel("Message").fill("Hello.");
  await page.getByRole("button", { name: "Say it" }).click();
  await page.getByTestId("conversation").getByText("You said: Hello.").waitFor();
  await page.reload();
  await line.getByText("Offer a discount.").waitFor();
  assert.deepEqual(await violations(page), []);
  await caller.waitForFunction(() => window.heard.some((data) => data.includes("response.done")));
  assert.ok(!(await caller.evaluate(() => window.heard.join())).includes("discount"));
});

test("the timeline is scrubbed with the mouse and by keys, and leads to the conversation", async (t) => {
  await rig.session(t, "lived", { config: { output_modalities: ["text"] } });
  for (let i = 0; i < 8; i++) await rig.rest("POST", "/realtime/sessions/lived/message", { text: `Turn ${i}` });
  await rig.rest("POST", "/realtime/sessions/lived/renew");
  const page = await rig.deskPage(t, { ...ann, at: address("lived") });
  await page.getByTestId("conversation").getByText("You said: Turn 7").waitFor();
  await part(page, "Timeline");
  assert.equal(new URL(page.url()).hash, "#/sessions/lived?show=timeline");
  const scrubber = page.getByRole("slider", { name: "Moment" });
  const current = page.getByTestId("timeline").locator('[aria-current="true"]');
  await current.waitFor();
  assert.deepEqual(await violations(page), []);
  await scrubber.focus();
  await page.keyboard.press("Home");
  const first = await scrubber.getAttribute("aria-valuetext");
  await page.keyboard.press("ArrowRight");
  assert.notEqual(await scrubber.getAttribute("aria-valuetext"), first);
  const box = await scrubber.boundingBox();
  const end = async () => Number(await scrubber.getAttribute("max"));
  let most, middle;
  do {
    // the session goes on, and its end with it: once more if it moved meanwhile
    most = await end();
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    middle = Number(await scrubber.inputValue());
  } while ((await end()) !== most);
  assert.ok(middle > 0.4 * most && middle < 0.6 * most, `${middle} of ${most}`);
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  await page.getByTestId("timeline").getByText("Upstream replaced: requested").waitFor();
  await page.getByLabel("1 minute").check();
  await page.getByTestId("timeline").locator('[data-kind="response"]').last().getByRole("button", { name: "In the conversation" }).click();
  await page.locator('[data-testid="conversation"] [data-found]').getByText("You said: Turn 7").waitFor();
});

test("events are filtered, read, copied, downloaded, and stand still while they are read", async (t) => {
  await rig.session(t, "logged", { config: { output_modalities: ["text"] } });
  await rig.rest("POST", "/realtime/sessions/logged/message", { text: hostile });
  const page = await rig.deskPage(t, { ...ann, at: address("logged", "events") });
  const list = page.getByRole("list", { name: "Events, the newest first" });
  await list.getByText("response.done").waitFor();
  await page.getByLabel("Type or text").fill("RESPONSE.DONE");
  await list.locator("> li").nth(1).waitFor({ state: "detached" });
  await list.getByText("response.done").click();
  await list.getByText('"status": "completed"').first().waitFor();
  assert.deepEqual(await violations(page), []);
  const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download these events" }).click()]);
  assert.equal(saved.suggestedFilename(), "logged-events.ndjson");
  assert.equal(JSON.parse(await readFile(await saved.path(), "utf8")).event.type, "response.done");
  await page.getByRole("button", { name: "Pause" }).click();
  await rig.rest("POST", "/realtime/sessions/logged/message", { text: "More." });
  await page.locator(".fact", { hasText: "Answers" }).getByText("2", { exact: true }).waitFor(); // the page knows of it
  assert.equal(await list.locator("> li").count(), 1);
  await page.getByRole("button", { name: "Go on" }).click();
  await list.locator("> li").nth(1).waitFor();
  await page.getByLabel("Type or text").fill("(no such [event");
  await page.getByTestId("event-count").getByText("0 events").waitFor();
});

test("two operators change the instructions: neither loses what was written, and the second is told", async (t) => {
  await rig.session(t, "both", { config: { instructions: "Be brief." } });
  const [a, b] = [await rig.deskPage(t, { ...ann, at: address("both", "instructions") }), await elsewhere(t, { ...bob, at: address("both", "instructions") })];
  await b.getByLabel("New instructions").fill("Be brief. Speak German.");
  await a.getByLabel("New instructions").fill("Be long.");
  await a.getByRole("button", { name: "Change them" }).click();
  await a.getByTestId("own").getByText("Be long.").waitFor();
  const conflict = b.getByTestId("conflict");
  await conflict.getByText("The instructions were changed while you wrote.").waitFor();
  assert.deepEqual(await violations(b), []);
  await b.getByRole("button", { name: "Change them" }).click();
  assert.equal((await rig.rest("GET", "/realtime/sessions/both")).instructions.own, "Be long.", "nothing is overwritten unseen");
  assert.equal(await b.getByLabel("New instructions").inputValue(), "Be brief. Speak German.");
  await part(b, "Conversation");
  await part(b, "Instructions");
  await conflict.getByRole("button", { name: "Mine take the place of theirs" }).click();
  await b.getByRole("button", { name: "Change them" }).click();
  await a.getByTestId("own").getByText("Be brief. Speak German.").waitFor();
  const history = a.getByTestId("history");
  await history.getByText("Changed by bob").waitFor();
  await history.getByText("As it began").waitFor();
  await history.getByText("Changed by ann").click();
  await history.locator("ins").getByText("long.").waitFor();
  await history.getByRole("button", { name: "Write with these" }).click();
  assert.equal(await a.getByLabel("New instructions").inputValue(), "Be long.");
});

test("instructions that another operator changes in the same moment are not overwritten", async (t) => {
  await rig.session(t, "moment", { config: { instructions: "Be brief." } });
  const page = await rig.deskPage(t, { ...ann, at: address("moment", "instructions") });
  await page.route("**/realtime/sessions/moment", async (route) => {
    if (route.request().method() === "PATCH") await rig.rest("PATCH", "/realtime/sessions/moment", { instructions: "Be kind." }); // between the page's look and its change
    await route.continue();
  });
  await page.getByLabel("New instructions").fill("Be long.");
  await page.getByRole("button", { name: "Change them" }).click();
  await page.getByTestId("notice").getByText("Somebody changed it a moment ago.").waitFor();
  await page.unroute("**/realtime/sessions/moment");
  await page.getByTestId("own").getByText("Be kind.").waitFor();
  assert.equal(await page.getByLabel("New instructions").inputValue(), "Be long.");
  await page.getByTestId("conflict").getByRole("button", { name: "Mine take the place of theirs" }).click();
  await page.getByRole("button", { name: "Change them" }).click();
  await page.getByTestId("own").getByText("Be long.").waitFor();
});

test("notes are written and seen by others, also when the session has ended", async (t) => {
  await rig.session(t, "noted");
  const [a, b] = [await rig.deskPage(t, { ...ann, at: address("noted", "notes") }), await elsewhere(t, { ...bob, at: address("noted", "notes") })];
  await b.getByText("No note yet.").waitFor();
  await a.getByLabel("New note").fill(`${hostile} calls back`);
  await a.getByRole("button", { name: "Write the note" }).click();
  await b.getByTestId("notes").getByText(`${hostile} calls back`).waitFor();
  await rig.rest("DELETE", "/realtime/sessions/noted");
  await b.locator('[data-testid="session"][data-status="ended"]').waitFor();
  await b.getByLabel("New note").fill("Done.");
  await b.getByRole("button", { name: "Write the note" }).click();
  await b.getByTestId("notes").getByText("Done.").waitFor();
  assert.deepEqual(await violations(b), []);
});

test("a session that ends while one writes: what was written is still there", async (t) => {
  await rig.session(t, "gone-soon");
  const page = await rig.deskPage(t, { ...ann, at: address("gone-soon") });
  await page.getByLabel("Message").fill("Are you still there?");
  await rig.rest("DELETE", "/realtime/sessions/gone-soon");
  await page.getByTestId("unsent").getByText("Are you still there?").waitFor();
  assert.deepEqual(await violations(page), []);
});

test("audio is committed and cleared, and what is refused is told", async (t) => {
  await rig.session(t, "quiet", { config: { turn_detection: null } });
  const page = await rig.deskPage(t, { ...ann, at: address("quiet") });
  await page.getByRole("button", { name: "Commit it" }).click();
  await page.getByTestId("notice").getByText("The audio could not be committed").waitFor();
  await page.getByRole("button", { name: "Clear it" }).click();
  await page.getByRole("status").getByText("The audio is cleared").waitFor();
});

test("a key that may not see a session is told so, and is offered no form", async (t) => {
  await rig.session(t, "private");
  const page = await rig.deskPage(t, { key: "sk-other", at: address("private") });
  await page.getByRole("heading", { name: "No such session" }).waitFor();
  await page.getByText("There is nothing to steer here.").waitFor();
  assert.equal(await page.getByRole("textbox").count(), 0);
  assert.deepEqual(await violations(page), []);
});

test("the network is lost for ten seconds: what is written stays, what happened is shown once, and the others see one again", async (t) => {
  await rig.session(t, "tunnel", { config: { output_modalities: ["text"] } });
  const b = await elsewhere(t, { ...bob, at: address("tunnel") });
  const page = await rig.deskPage(t, { ...ann, at: address("tunnel") });
  await b.getByTestId("viewers").getByText("Also viewed by ann").waitFor();
  await page.getByRole("textbox", { name: "Whisper" }).fill("Half a thought");
  rig.network.refuse(true);
  rig.network.cut();
  t.after(() => rig.network.refuse(false));
  await page.getByTestId("lost").waitFor();
  await b.waitForFunction(() => document.querySelector('[data-testid="viewers"]').textContent === "");
  await rig.rest("POST", "/realtime/sessions/tunnel/message", { text: "Meanwhile." });
  await page.waitForTimeout(10_000);
  rig.network.refuse(false);
  await page.getByTestId("lost").waitFor({ state: "detached" });
  const lines = page.getByTestId("conversation").locator("> li");
  await lines.getByText("You said: Meanwhile.").waitFor();
  assert.equal(await lines.count(), 2);
  assert.equal(await page.getByRole("textbox", { name: "Whisper" }).inputValue(), "Half a thought");
  await b.getByTestId("viewers").getByText("Also viewed by ann").waitFor();
});

test("a session that is moved and renewed while it is shown goes on, and says so", async (t) => {
  await rig.session(t, "moving", { config: { output_modalities: ["text"] } });
  const page = await rig.deskPage(t, { ...ann, at: address("moving") });
  const lines = page.getByTestId("conversation").locator("> li");
  await rig.rest("POST", "/realtime/sessions/moving/message", { text: "Before." });
  await lines.getByText("You said: Before.").waitFor();
  const { node } = await rig.rest("GET", "/realtime/sessions/moving");
  const { nodes } = await rig.rest("GET", "/nodes");
  const of = nodes.find((n) => n.url === node || n.node === node);
  await rig.rest("POST", `/nodes/${encodeURIComponent(of.id ?? of.node)}/drain`);
  t.after(async () => {
    await rig.rest("DELETE", `/nodes/${encodeURIComponent(of.id ?? of.node)}/drain`);
    while (!(await fetch(`${node}/readyz`)).ok) await new Promise((resolve) => setTimeout(resolve, 100));
  });
  await page.waitForFunction((old) => !document.querySelector('[data-testid="session"]').textContent.includes(old), new URL(node).host);
  await rig.rest("POST", "/realtime/sessions/moving/renew");
  await rig.rest("POST", "/realtime/sessions/moving/message", { text: "After." });
  await lines.getByText("You said: After.").waitFor();
  assert.equal(await lines.and(page.locator('[data-role="user"], [data-role="assistant"]')).count(), 4, "nothing is there twice");
  await lines.getByText("fleet had its upstream replaced.").waitFor();
  await part(page, "Timeline");
  await page.getByTestId("timeline").getByText("Moved to another node").waitFor();
  await page.getByTestId("timeline").getByText("Upstream replaced: requested").waitFor();
});

// The last one: what it takes away does not come back.
test("Redis is lost: what is shown goes on, parts that need Redis say so, and what was written stays", async (t) => {
  await rig.rest("POST", "/realtime/sessions", { session_id: "alone", config: { output_modalities: ["text"] } });
  const page = await rig.deskPage(t, { ...ann, at: address("alone") });
  const lines = page.getByTestId("conversation").locator("> li");
  await page.getByRole("textbox", { name: "Whisper" }).fill("Half a thought");
  await part(page, "Notes");
  await page.getByText("No note yet.").waitFor();
  await rig.redis.stop();
  await page.getByTestId("part-problem").getByText("The notes cannot be read").waitFor();
  await page.getByLabel("New note").fill("Redis is gone.");
  await page.getByRole("button", { name: "Write the note" }).click();
  await page.getByTestId("notice").getByText("The note could not be written").waitFor();
  assert.equal(await page.getByLabel("New note").inputValue(), "Redis is gone.");
  assert.deepEqual(await violations(page), []);
  await part(page, "Conversation");
  await page.getByLabel("Message").fill("Still there?");
  await page.getByRole("button", { name: "Say it" }).click();
  await lines.getByText("You said: Still there?").waitFor();
  assert.equal(await page.getByRole("textbox", { name: "Whisper" }).inputValue(), "Half a thought");
});
