// The API reference: it is read without a script, searched, and tried with the key of the tab.

import assert from "node:assert/strict";
import { test } from "node:test";
import { violations } from "./axe.mjs";
import { useRig } from "./rig.mjs";

const rig = useRig();

async function docsPage(t, { key = rig.gateway.key, at = "", ...options } = {}) {
  const page = await rig.chromium.open(t, options);
  await page.goto(`${rig.network.origin}/docs${key ? `#key=${key}` : at}`);
  return page;
}

test("every operation has an example answer, errors lead to what to do, and nobody is shut out", async (t) => {
  const page = await docsPage(t);
  assert.equal(new URL(page.url()).hash, "", "the key is not left in the address");
  const article = page.locator("#update-session");
  await article.getByText("Body in full").click();
  await article.getByText("Speak Dutch from now on.").last().waitFor();
  await article.locator("summary", { hasText: "200" }).click();
  assert.match(await article.locator("details[open] pre").last().innerText(), /"session_id": "rs_…"/);
  await article.locator(".errors").getByRole("link", { name: "410" }).click();
  await page.locator("#error-410").getByText("Open another one.").waitFor();
  await page.locator("#webhook-session-tool_call").getByText('"call_id": "call_…"').waitFor();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), []);
  }
});

test("a search finds operations by their words, and a link leads out of it", async (t) => {
  const page = await docsPage(t);
  const search = page.getByRole("searchbox", { name: "Search" });
  await search.fill("function result");
  await page.locator("#send-function-result").waitFor();
  await page.locator("#create-key").waitFor({ state: "hidden" });
  await page.getByRole("status").getByText("found").waitFor();
  await search.fill("no such word");
  await page.getByRole("status").getByText("0 found").waitFor();
  await page.evaluate(() => (location.hash = "#create-key"));
  await page.locator("#create-key").waitFor();
  assert.equal(await search.inputValue(), "");
});

test("an operation is tried with the tab's key, and a stream is shown as it comes", async (t) => {
  await rig.session(t, "tried");
  const page = await docsPage(t);
  await page.getByText("This tab has a key.").waitFor();
  const get = page.locator("#get-session");
  await get.getByRole("button", { name: "Try it" }).click();
  await get.getByLabel("id (path)").fill("tried");
  await get.getByRole("button", { name: "Send" }).click();
  await get.getByText("200").last().waitFor();
  await get.getByLabel("Answer").getByText('"session_id": "tried"').waitFor();
  await get.getByLabel("id (path)").fill("../keys/self?x=");
  await get.getByRole("button", { name: "Send" }).click();
  await get.getByLabel("Answer").getByText("not-found").waitFor();

  const follow = page.locator("#follow-events");
  await follow.getByRole("button", { name: "Try it" }).click();
  await follow.getByLabel("id (path)").fill("tried");
  await follow.getByLabel(/^last_event_id/).fill("0");
  await follow.getByRole("button", { name: "Send" }).click();
  const message = page.locator("#send-message");
  await message.getByRole("button", { name: "Try it" }).click();
  await message.getByLabel("id (path)").fill("tried");
  await message.getByLabel("Body (JSON)").fill('{"text":"<b>hello</b> there","respond":false}');
  await message.getByRole("button", { name: "Send POST" }).click();
  await message.getByText('"status": "sent"').last().waitFor();
  await follow.getByLabel("Answer").getByText("<b>hello</b> there").waitFor();
  await follow.getByRole("button", { name: "Stop" }).click();
  await follow.getByText("(stopped)").waitFor();
  assert.deepEqual(await violations(page), []);
});

test("without a key the answer says what is missing, and the key is for this tab", async (t) => {
  const page = await docsPage(t, { key: "" });
  const list = page.locator("#list-sessions");
  await list.getByRole("button", { name: "Try it" }).click();
  await list.getByRole("button", { name: "Send" }).click();
  await list.getByText("credential-missing").waitFor();
  await page.getByLabel("API key for “Try it”").fill(rig.gateway.key);
  await page.getByRole("button", { name: "Use it in this tab" }).click();
  await page.getByText("This tab has a key.").waitFor();
  await list.getByRole("button", { name: "Send" }).click();
  await list.getByLabel("Answer").getByText('"sessions"').waitFor();
  await page.goto(`${rig.network.origin}/fleet`);
  await page.getByTestId("phase").getByText("Live").waitFor();
});

test("without a script it is a page to read, with nothing that does not work", async (t) => {
  const page = await docsPage(t, { key: "", at: "#create-session", javaScriptEnabled: false });
  await page.locator("#create-session").getByText('"labels"').first().waitFor();
  assert.equal(await page.locator("input:visible, button:visible, form:visible").count(), 0);
  await page.locator("#create-session summary", { hasText: "201" }).click();
  await page.locator("#create-session").getByText('"relay_url"').waitFor();
});

test("on a phone the list of operations is folded, and nothing is wider than the screen", async (t) => {
  const page = await docsPage(t, { viewport: { width: 360, height: 740 } });
  await page.getByRole("heading", { level: 1 }).waitFor();
  assert.ok((await page.getByRole("heading", { level: 1 }).boundingBox()).y < 300);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
});
