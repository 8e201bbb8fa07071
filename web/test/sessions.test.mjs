// The list of sessions on two nodes: found, sorted, followed, scrolled, and many of them changed at once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { violations } from "./axe.mjs";
import { useRig } from "./rig.mjs";

const rig = useRig({ nodes: 2, env: { SWITCHBOARD_API_KEYS: "shop:app:sk-shop" } });

const hostile = `<img src=x onerror="throw 1">`;
const row = (page, id) => page.locator(`[data-testid="sessions"] [data-id="${id}"]`);
const ids = (page) => page.locator('[data-testid="sessions"] > li').evaluateAll((rows) => rows.map((row) => row.dataset.id));

/** Opens sessions on both nodes in turn; they end with the test. */
async function sessions(t, n, name, labels = {}, key = rig.gateway.key) {
  const call = async (node, method, path, body) => {
    const answer = await fetch(node.origin + path, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  };
  const all = Array.from({ length: n }, (_, i) => `${name}-${i}`);
  for (const [i, session_id] of all.entries()) {
    await call(rig.nodes[i % 2], "POST", "/realtime/sessions", { session_id, config: { instructions: "Be brief." }, labels });
  }
  t.after(() => Promise.all(all.map((id) => call(rig.nodes[0], "DELETE", `/realtime/sessions/${id}`))));
}

test("a session is found by search, label, key, state and time; counts stand beside the values and the address has it all", async (t) => {
  await sessions(t, 4, "found", { team: "sales", note: hostile });
  await sessions(t, 1, "other", { team: "support" }, "sk-shop");
  const page = await rig.deskPage(t);
  await row(page, "found-3").getByText(`note: ${hostile}`).waitFor();
  await row(page, "found-3").getByText("nobody attached").waitFor();
  assert.deepEqual(await violations(page), []);

  await page.getByLabel("Search").fill("FOUND-2");
  await row(page, "found-3").waitFor({ state: "detached" });
  await page.getByTestId("summary").getByText("1 fit the filter").waitFor();
  assert.equal(new URL(page.url()).hash, "#/sessions?q=FOUND-2");
  await page.getByLabel("Search").fill("");
  await row(page, "found-3").waitFor();

  await page.getByLabel("Opened by").selectOption({ label: "shop (1)" });
  await row(page, "found-3").waitFor({ state: "detached" });
  assert.deepEqual(await ids(page), ["other-0"]);
  await page.getByLabel("Opened by").selectOption({ label: "fleet (4)" });
  await page.getByLabel("State").selectOption({ label: "No client attached (4)" });
  await page.getByTestId("label-facets").getByRole("button", { name: "team: sales (4)" }).click();
  await page.getByLabel("Order").selectOption("Oldest first");
  await page.waitForFunction(() => document.querySelector('[data-testid="sessions"] > li')?.dataset.id === "found-0");
  await page.reload();
  await row(page, "found-0").waitFor();
  assert.deepEqual(await ids(page), ["found-0", "found-1", "found-2", "found-3"]);
  assert.equal(await page.getByLabel("Labels").inputValue(), "team:sales");
  assert.equal(await page.getByLabel("Order").inputValue(), "age asc");

  await page.getByLabel("Created before").fill("2020-01-01T00:00");
  await page.getByText("No session fits the filter.").waitFor();
  await page.goBack();
  await row(page, "found-0").waitFor();
});

test("what happens on either node is shown without asking again", async (t) => {
  await sessions(t, 2, "live");
  const page = await rig.deskPage(t);
  await row(page, "live-1").waitFor();
  let asked = 0;
  page.on("request", (request) => request.url().includes("/realtime/sessions?") && asked++);
  await sessions(t, 1, "came");
  await row(page, "came-0").waitFor();
  await rig.rest("POST", "/realtime/sessions/live-1/message", { text: "Hello" });
  await row(page, "live-1")
    .getByText(/[1-9]\d* tokens/)
    .waitFor();
  await rig.rest("DELETE", "/realtime/sessions/live-0");
  await row(page, "live-0").getByText("Ended", { exact: true }).waitFor();
  assert.equal(asked, 0, "one stream is all");

  await page.getByLabel("Pause").check();
  await rig.rest("DELETE", "/realtime/sessions/live-1");
  await page.getByLabel("Pause").uncheck();
  await row(page, "live-1").getByText("Ended", { exact: true }).waitFor();
});

test("of many rows those in sight are drawn, wherever one scrolls", async (t) => {
  await sessions(t, 230, "many", { crowd: "yes" });
  const page = await rig.deskPage(t, { at: "#/sessions?label=crowd%3Ayes" });
  await row(page, "many-229").waitFor();
  assert.ok((await ids(page)).length < 60);
  assert.equal(await row(page, "many-229").getAttribute("aria-setsize"), "230");
  await page.locator("#stage").evaluate((stage) => stage.scrollTo(0, stage.scrollHeight));
  await row(page, "many-0").waitFor();
  assert.ok((await ids(page)).length < 60);
  assert.equal(await row(page, "many-0").getAttribute("aria-posinset"), "230");
  await row(page, "many-0").getByRole("link").click();
  await page.getByRole("link", { name: "← Sessions" }).click();
  await page.locator("#stage").evaluate((stage) => stage.scrollTo(0, 0));
  await row(page, "many-229").waitFor();
});

test("many are labelled, changed, told by broadcast and ended, after a question with their number; what failed is named", async (t) => {
  await sessions(t, 5, "bulk", { batch: "one" });
  const page = await rig.deskPage(t, { at: "#/sessions?label=batch%3Aone" });
  const bulk = page.getByTestId("bulk");
  await row(page, "bulk-4").waitFor();
  await bulk.getByRole("button", { name: "Select all 5" }).click();
  await bulk.getByText("5 sessions selected").waitFor();
  await row(page, "bulk-0").getByRole("checkbox").uncheck();

  await bulk.getByRole("button", { name: "Label", exact: true }).click();
  await bulk.getByText("Label: 4 sessions?").waitFor();
  await bulk.getByLabel("Which").fill("vip:yes");
  await page.keyboard.press("Tab");
  assert.deepEqual(await violations(page), []);
  await bulk.getByRole("button", { name: "Label 4" }).click();
  await bulk.getByText("4 of 4 sessions labelled.").waitFor();
  await row(page, "bulk-4").getByText("vip: yes").waitFor();
  assert.equal((await rig.rest("GET", "/realtime/sessions/bulk-0")).labels.vip, undefined);

  await bulk.getByRole("button", { name: "Select all 5" }).click();
  await bulk.getByRole("button", { name: "Change instructions" }).click();
  await bulk.getByLabel("New instructions").fill("Speak Dutch.");
  await bulk.getByRole("button", { name: "Change instructions 5" }).click();
  await bulk.getByText("5 of 5 sessions changed.").waitFor();
  await bulk.getByRole("button", { name: "Select all 5" }).click();
  await bulk.getByRole("button", { name: "Broadcast" }).click();
  await bulk.getByLabel("What is added").fill("We close at four.");
  await bulk.getByRole("button", { name: "Broadcast 5" }).click();
  await bulk.getByText("5 of 5 sessions told by broadcast.").waitFor();
  const { broadcasts } = await rig.rest("GET", "/realtime/broadcasts");
  assert.deepEqual(broadcasts[0].sessions.toSorted(), ["bulk-0", "bulk-1", "bulk-2", "bulk-3", "bulk-4"]);

  // Another operator ends one meanwhile.
  await bulk.getByRole("button", { name: "Select all 5" }).click();
  await bulk.getByRole("button", { name: "Change instructions" }).click();
  await bulk.getByLabel("New instructions").fill("Speak French.");
  await rig.rest("DELETE", "/realtime/sessions/bulk-2");
  await bulk.getByRole("button", { name: "Change instructions 5" }).click();
  await bulk.getByText("4 of 5 sessions changed, 1 not:").waitFor();
  await page.getByTestId("bulk-result").getByText("bulk-2").waitFor();
  await bulk.getByText("1 session selected").waitFor();
  await bulk.getByRole("button", { name: "Dismiss" }).click();

  await bulk.getByRole("button", { name: "Select all 5" }).click();
  await bulk.getByRole("button", { name: "End", exact: true }).click();
  await page.keyboard.press("Enter");
  await bulk.getByText("End: 5 sessions?").waitFor({ state: "detached" });
  assert.equal((await rig.rest("GET", "/realtime/sessions/bulk-1")).status, "created", "Enter alone ends nothing");
  await bulk.getByRole("button", { name: "End", exact: true }).click();
  await bulk.getByRole("button", { name: "End 5" }).click();
  await bulk.getByText("5 of 5 sessions ended.").waitFor();
  assert.equal((await rig.rest("GET", "/realtime/sessions/bulk-1")).status, "ended");
});

test("what was said is looked for in conversations, with progress and a bound", async (t) => {
  await sessions(t, 6, "talk", { talk: "yes" });
  await rig.rest("POST", "/realtime/sessions/talk-3/message", { text: `My order ${hostile} never came.`, respond: false });
  const page = await rig.deskPage(t, { at: "#/sessions?label=talk%3Ayes" });
  await page.getByLabel("Said in a conversation").fill("NEVER came");
  await page.keyboard.press("Enter");
  const said = page.getByTestId("said");
  await said.getByText("6 of 6 sessions read, found in 1.").waitFor();
  assert.match(await said.locator('[data-id="talk-3"]').innerText(), /My order <img src=x onerror="throw 1"> never came\./);
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "Back to the list" }).click();
  await row(page, "talk-5").waitFor();
});

test("the list goes on after the network was away, and an application's key changes only what it may", async (t) => {
  await sessions(t, 2, "own", { of: "shop" }, "sk-shop");
  await sessions(t, 1, "others");
  const page = await rig.deskPage(t, { key: "sk-shop" });
  await page.getByTestId("own-only").waitFor();
  await row(page, "own-1").waitFor();
  assert.equal(await row(page, "others-0").count(), 0);
  assert.equal(await page.getByLabel("Opened by").count(), 0);
  await row(page, "own-0").getByRole("checkbox").check();
  assert.equal(await page.getByRole("button", { name: "Broadcast" }).count(), 0);
  rig.network.refuse(true);
  rig.network.cut();
  await page.getByTestId("lost").waitFor();
  await rig.rest("DELETE", "/realtime/sessions/own-1", undefined, "sk-shop");
  rig.network.refuse(false);
  await row(page, "own-1").getByText("Ended", { exact: true }).waitFor();
  await page.getByTestId("lost").waitFor({ state: "detached" });
  await page.getByText("1 session selected").waitFor();
});
