// The fleet page against the gateway's own binary in demo mode, used as a person would.
// SWITCHBOARD_BIN names the binary (default bin/switchboard), CHROMIUM the browser (default /usr/bin/chromium).

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { violations } from "./axe.mjs";
import { hold, startBrowser } from "./browser.mjs";
import { startGateway, startNetwork } from "./gateway.mjs";

const patience = { timeout: 40_000 };

let gateway;
let network;
let chromium;

before(async () => {
  gateway = await startGateway({ SWITCHBOARD_API_KEYS: "shop:app:sk-shop" });
  network = await startNetwork(gateway.host);
  chromium = await startBrowser([1, 1]);
});

after(async () => {
  await chromium?.close();
  await network?.stop();
  await gateway?.stop();
});

/** Opens a place of the page through the network that can fail. */
async function openPage(t, { key = gateway.key, at = "", ...options } = {}) {
  const page = await chromium.open(t, options);
  page.setDefaultTimeout(patience.timeout);
  await page.goto(`${network.origin}/fleet${key ? `#key=${key}` : ""}`);
  if (key) await page.getByTestId("phase").getByText("Live").waitFor();
  if (at) await page.evaluate((at) => (location.hash = at), at);
  return page;
}

/** The application's side, by REST. */
async function rest(method, path, body, key = gateway.key) {
  const response = await fetch(gateway.origin + path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
  return response.json();
}

/** Opens a session, and ends it with the test. */
async function session(t, session_id, labels = {}, key = gateway.key) {
  await rest("POST", "/realtime/sessions", { session_id, config: { instructions: "Be brief." }, labels }, key);
  t.after(() => rest("DELETE", `/realtime/sessions/${session_id}`, undefined, key));
}

/** Where there is no room for it, the form is folded. */
async function unfold(page) {
  const fold = page.locator(".side-fold:not([open]) > .side-summary");
  if (await fold.isVisible()) await fold.click();
}

const row = (page, id) => page.locator(`[data-testid="sessions"] [data-id="${id}"]`);

test("nobody speaks yet, and the page says what to do", async (t) => {
  const page = await openPage(t);
  await page.getByText("Nobody is speaking.").waitFor();
  await page.getByRole("link", { name: "Broadcasts" }).click();
  await page.getByText("No broadcast yet.").waitFor();
  await page.waitForFunction(() => document.title === "Broadcasts · Switchboard");
});

test("sessions appear by themselves, and are filtered by label and status", async (t) => {
  const page = await openPage(t);
  await session(t, "support-1", { team: "support" });
  await session(t, "sales-1", { team: "sales", tier: "1" });
  await rest("POST", "/realtime/sessions/support-1/message", { text: "Hello" });
  await row(page, "support-1").getByText("Live").waitFor();
  await row(page, "sales-1").getByText("Opened").waitFor();
  assert.match(await row(page, "sales-1").innerText(), /team: sales[\s\S]*tier: 1[\s\S]*0 clients[\s\S]*by demo[\s\S]*on 127\.0\.0\.1:\d+/);
  await row(page, "support-1")
    .getByText(/[1-9]\d* tokens/)
    .waitFor();

  await page.getByLabel("Labels").fill("team:sales, tier:1");
  await page.keyboard.press("Enter");
  await row(page, "support-1").waitFor({ state: "detached" });
  await row(page, "sales-1").waitFor();

  await page.getByLabel("Labels").fill("sales");
  await page.keyboard.press("Tab");
  await page.getByRole("alert").getByText("“sales” is no label").waitFor();
  assert.equal(await page.getByLabel("Labels").getAttribute("aria-invalid"), "true");

  await page.getByLabel("Labels").fill("");
  await page.keyboard.press("Tab");
  await page.getByLabel("Live", { exact: true }).check();
  await row(page, "sales-1").waitFor({ state: "detached" });
  await row(page, "support-1").waitFor();
  await page.getByLabel("Ended", { exact: true }).check();
  await page.getByText("No session fits the filter").waitFor();
});

test("one session: read along, spoken in, changed, stopped and ended", async (t) => {
  await session(t, "steered", { team: "support" });
  await rest("POST", "/realtime/sessions/steered/message", { text: "Is anybody there?" });
  const page = await openPage(t);
  await row(page, "steered").getByRole("link").click();
  const lines = page.getByTestId("conversation").locator("> li");
  await lines.getByText("You said: Is anybody there?").waitFor();
  await page.waitForFunction(() => document.activeElement.tagName === "H1"); // the focus follows

  await t.test("what happens elsewhere shows", async () => {
    await rest("POST", "/realtime/sessions/steered/message", { text: "It rains." });
    await lines.getByText("You said: It rains.").waitFor();
    assert.match(await lines.nth(2).innerText(), /User\s+It rains\./);
    assert.equal(await lines.count(), 4, "nothing is there twice");
  });

  await t.test("it is spoken in", async () => {
    await page.getByLabel("Message").fill("Take an umbrella.");
    await page.getByRole("button", { name: "Say it" }).click();
    await lines.getByText("You said: Take an umbrella.").waitFor();
    await page.getByRole("button", { name: "Say it" }).waitFor(); // its own answer may come later
    assert.equal(await page.getByLabel("Message").inputValue(), "");
  });

  await t.test("its instructions are changed, and the answer that follows is stopped", async () => {
    await page.getByRole("button", { name: "Instructions" }).click();
    await page.getByLabel("New instructions").fill(`Say "${"one more word ".repeat(120)}"`);
    await page.getByRole("button", { name: "Change them" }).click();
    await page.getByRole("status").getByText("The instructions are changed").waitFor();
    await page.getByTestId("own").getByText("one more word").waitFor();
    await page.getByRole("button", { name: "Conversation" }).click();
    await rest("POST", "/realtime/sessions/steered/message", { text: "Go on." });
    await lines.getByText(/one more word/).waitFor();
    await page.getByText("Answering").waitFor();
    await page.getByRole("button", { name: "Stop the answer" }).click();
    await page.locator('[data-testid="conversation"] [data-state="cut"]').waitFor();
    await page.getByRole("button", { name: "Stop the answer", disabled: true }).waitFor();
  });

  await t.test("it is ended, after being asked once more", async () => {
    await page.getByRole("button", { name: "End", exact: true }).click();
    await page.getByRole("button", { name: "No", exact: true }).click();
    await page.getByRole("button", { name: "End", exact: true }).click();
    await page.getByRole("group", { name: "End this session?" }).getByRole("button", { name: "End" }).click();
    await page.locator('[data-testid="session"][data-status="ended"]').waitFor();
    await page.getByText("This session has ended.").waitFor();
    assert.equal(await page.getByLabel("Message").count(), 0);
    await page.reload();
    await lines.getByText("You said: Take an umbrella.").waitFor();
    await page.getByRole("link", { name: "← Sessions" }).click();
    await row(page, "steered").getByText("ended by admin demo").waitFor();
  });
});

test("what is written while something is on its way stays where it is written", async (t) => {
  await session(t, "written-to");
  const page = await openPage(t);
  const message = page.getByLabel("Message");

  await t.test("the session that comes takes no focus away", async () => {
    const answer = await hold(page, "**/realtime/sessions/written-to");
    await page.evaluate(() => (location.hash = "#/sessions/written-to"));
    await message.focus();
    await answer.release();
    await page.getByRole("button", { name: "Stop the answer" }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), "say");
  });

  await t.test("the message that was taken is cleared, the next one is not", async () => {
    const answer = await hold(page, "**/message");
    await message.fill("One.");
    await page.keyboard.press("Tab");
    await page.getByRole("button", { name: "Say it" }).click();
    await page.getByRole("button", { name: "Sending…" }).waitFor();
    await message.fill("Two.");
    await answer.release();
    await page.getByRole("button", { name: "Say it" }).waitFor();
    assert.equal(await message.inputValue(), "Two.");
  });

  await t.test("a broadcast that is taken does not call back who has gone elsewhere", async () => {
    await page.getByRole("link", { name: "Broadcasts" }).click();
    const answer = await hold(page, "**/realtime/broadcasts", { method: "POST" });
    await page.getByLabel("Instructions").fill("Nobody is called back.");
    await page.getByLabel("Only sessions with").fill("team:nobody");
    await page.getByTestId("submit").click();
    await page.getByRole("link", { name: "Sessions" }).click();
    await page.getByRole("heading", { name: "Sessions" }).waitFor();
    await answer.release();
    assert.equal(new URL(page.url()).hash, "#/sessions");
  });
});

test("labels that are none send no broadcast", async (t) => {
  const page = await openPage(t, { at: "#/broadcasts" });
  const answer = await hold(page, "**/realtime/broadcasts", { method: "POST" });
  await page.getByLabel("Instructions").fill("To nobody.");
  await page.getByLabel("Only sessions with").fill("nonsense");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("“nonsense” is no label").waitFor();
  await answer.release();
  assert.equal(answer.sent, 0);
});

test("a broadcast that is not kept any more when the connection is back", async (t) => {
  const { id } = await rest("POST", "/realtime/broadcasts", { instructions: "Soon forgotten.", select: { team: "nobody" } });
  const page = await openPage(t, { at: `#/broadcasts/${id}` });
  await page.getByTestId("broadcast").getByText("Soon forgotten.").waitFor(); // its stream is open
  await page.route("**/events", (route) => route.fulfill({ status: 404, json: { status: 404, title: "Not Found" } }));
  network.cut();
  await page.getByRole("heading", { name: "No such broadcast" }).waitFor();
  await page.getByTestId("phase").getByText("Live").waitFor();
  await page.getByTestId("lost").waitFor({ state: "detached" });
});

test("a session that is not there", async (t) => {
  const page = await openPage(t, { at: "#/sessions/nobody" });
  await page.getByRole("heading", { name: "No such session" }).waitFor();
  await page.evaluate(() => (location.hash = "#/broadcasts/1-1"));
  await page.getByRole("heading", { name: "No such broadcast" }).waitFor();
});

test("a broadcast: written by keyboard alone, followed session by session, taken back", async (t) => {
  await session(t, "told-1", { team: "told" });
  await session(t, "told-2", { team: "told" });
  await session(t, "untold", { team: "other" });
  const page = await openPage(t, { at: "#/broadcasts" });
  await page.getByLabel("Instructions").focus();
  await page.keyboard.type("The office closes at four.");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("team:told");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  assert.equal(await page.getByLabel("New sessions get it too").isChecked(), true);
  await page.getByRole("button", { name: "Send to sessions with team:told" }).press("Enter");

  await page.getByRole("heading", { name: "Broadcast to sessions with team:told" }).waitFor();
  await page.getByRole("progressbar", { name: "Progress", exact: true }).and(page.locator('[aria-valuetext="2 of 2 sessions changed"]')).waitFor();
  await page.getByText("Applied 2").waitFor();

  await t.test("one that is opened later gets it too, and the count moves", async () => {
    await session(t, "told-3", { team: "told" });
    await page.getByText("Applied 3").waitFor();
    assert.equal(await page.getByTestId("changed").textContent(), "3");
    const told = await rest("GET", "/realtime/sessions/told-3");
    assert.equal(told.session.instructions, "Be brief.\n\nThe office closes at four.");
  });

  await t.test("what became of it in each", async () => {
    await page.getByText("Session by session").click();
    const outcomes = page.getByTestId("outcomes").locator("> li");
    await outcomes.nth(2).waitFor();
    assert.equal(await outcomes.filter({ hasText: "untold" }).count(), 0);
    await outcomes.getByRole("link", { name: "told-1" }).click();
    await page.getByRole("heading", { name: "told-1" }).waitFor();
    await page.goBack();
  });

  await t.test("taken back, after being asked once more; an answer that comes late undoes nothing", async () => {
    const answer = await hold(page, "**/realtime/broadcasts/*", { method: "DELETE" });
    await page.getByRole("button", { name: "Withdraw" }).click();
    await page.getByRole("group", { name: "Take this broadcast back?" }).getByRole("button", { name: "Withdraw" }).click();
    const all = page.getByTestId("withdrawal").getByText("3 of 3 sessions changed");
    await all.waitFor();
    await answer.release();
    await page.getByRole("status").getByText("The broadcast is withdrawn").waitFor();
    assert.ok(await all.isVisible());
    await page.getByRole("button", { name: "Withdraw" }).waitFor({ state: "detached" });
    assert.equal((await rest("GET", "/realtime/sessions/told-1")).session.instructions, "Be brief.");
    await page.getByRole("link", { name: "← Broadcasts" }).click();
    const told = page.getByTestId("broadcasts").locator("> li", { hasText: "The office closes at four." });
    await told.getByText("Withdrawn").waitFor();
    assert.match(await told.innerText(), /to sessions with team:told[\s\S]*added to their own[\s\S]*new sessions too[\s\S]*by demo/);
  });
});

test("an application's key sees its own sessions, and is told that broadcasts need an operator", async (t) => {
  await session(t, "of-the-demo");
  await session(t, "of-the-shop", {}, "sk-shop");
  const page = await openPage(t, { key: "sk-shop" });
  await row(page, "of-the-shop").waitFor();
  await page.getByTestId("own-only").waitFor();
  assert.equal(await row(page, "of-the-demo").count(), 0);
  await page.getByRole("link", { name: "Broadcasts" }).click();
  await page.getByText("Broadcasts need an operator.").waitFor();
  assert.equal(await page.getByLabel("Instructions").count(), 0);
  await page.reload();
  await page.getByText("Broadcasts need an operator.").waitFor();
  assert.equal(await page.getByTestId("notice").count(), 0);
  await page.getByRole("button", { name: "Use another key" }).click();
  await page.getByLabel("API key").fill(gateway.key);
  await page.keyboard.press("Enter");
  await page.getByLabel("Instructions").waitFor();
});

test("a lost connection is shown, and nothing that was said meanwhile is missed", async (t) => {
  await session(t, "tunnel");
  await rest("POST", "/realtime/sessions/tunnel/message", { text: "Before." });
  const page = await openPage(t, { at: "#/sessions/tunnel" });
  const lines = page.getByTestId("conversation").locator("> li");
  await lines.getByText("You said: Before.").waitFor();
  network.refuse(true);
  network.cut();
  t.after(() => network.refuse(false));
  await page.getByTestId("lost").waitFor();
  assert.equal(await page.getByTestId("phase").textContent(), "Retrying");
  await rest("POST", "/realtime/sessions/tunnel/message", { text: "Meanwhile." });
  network.refuse(false);
  await page.getByTestId("lost").waitFor({ state: "detached" });
  await lines.getByText("You said: Meanwhile.").waitFor();
  assert.equal(await lines.count(), 4, "nothing is there twice");
});

describe("what goes wrong is told in plain words", () => {
  test("a wrong key", async (t) => {
    const page = await openPage(t, { key: "" });
    await page.getByText("Every session, on every node.").waitFor();
    await page.getByLabel("API key").fill("sk-wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("This API key is not accepted").waitFor();
    await page.getByLabel("API key").fill(gateway.key);
    await page.keyboard.press("Enter");
    await page.getByTestId("phase").getByText("Live").waitFor();
  });

  test("a session that ended while a message was written", async (t) => {
    await session(t, "too-late");
    const page = await openPage(t, { at: "#/sessions/too-late" });
    await page.getByLabel("Message").fill("Are you there?");
    await page.route("**/message", async (route) => {
      await rest("DELETE", "/realtime/sessions/too-late");
      await route.continue();
    });
    await page.getByRole("button", { name: "Say it" }).click();
    await page.getByTestId("notice").getByText("It could not be said").waitFor();
    await page.getByText("This session has ended.").waitFor();
  });
});

describe("accessibility, by axe-core", () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of [
      { width: 1280, height: 800 },
      { width: 360, height: 740 },
    ]) {
      test(`${colorScheme}, ${viewport.width} pixels wide`, async (t) => {
        const name = `seen-${colorScheme}-${viewport.width}`;
        await session(t, name, { team: "support", tier: "a-rather-long-value-of-a-label" });
        await rest("POST", `/realtime/sessions/${name}/message`, { text: "Hello" });
        const options = { colorScheme, viewport, reducedMotion: "reduce" };
        assert.deepEqual(await violations(await openPage(t, { key: "", ...options })), []);
        const page = await openPage(t, options);
        const look = async (where) => {
          assert.deepEqual(await violations(page), [], where);
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          assert.equal(overflow, 0, `${where}: nothing is wider than the window`);
        };
        await unfold(page);
        await page.getByLabel("Labels").fill("sales");
        await page.keyboard.press("Enter");
        await page.getByText("is no label").waitFor();
        await look("the sessions");
        await row(page, name).getByRole("link").click();
        await page.getByTestId("conversation").getByText("You said: Hello").waitFor();
        await look("a session");
        for (const part of ["Timeline", "Events", "Instructions", "Notes"]) {
          await page.getByRole("button", { name: part, exact: true }).click();
          await page.getByTestId(part.toLowerCase()).waitFor();
          await look(part);
        }
        await page.getByRole("link", { name: "Broadcasts" }).click();
        await page.getByTestId("broadcasts").or(page.getByText("No broadcast yet.")).first().waitFor();
        await look("broadcasts");
        await unfold(page);
        await page.getByLabel("Instructions").fill(`Be kind. ${"A".repeat(120)}`);
        await page.getByTestId("submit").click();
        await look("the question before a broadcast to everybody");
        await page.getByRole("button", { name: "Send it" }).click();
        await page.getByText(/^Applied/).waitFor();
        await page.getByText("Session by session").click();
        await page.getByTestId("outcomes").locator("> li").first().waitFor();
        await look("a broadcast");
        await page.getByRole("button", { name: "Withdraw" }).click();
        await page.getByRole("group").getByRole("button", { name: "Withdraw" }).click();
        await page.getByTestId("withdrawal").waitFor();
        await look("a withdrawn broadcast");
        const list = await openPage(t, { key: "sk-shop", at: "#/broadcasts", ...options });
        await list.getByText("Broadcasts need an operator.").waitFor();
        assert.deepEqual(await violations(list), [], "operators only");
      });
    }
  }
});
