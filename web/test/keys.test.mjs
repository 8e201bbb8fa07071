// API keys and settings on the fleet page, as an admin, an operator and an application's key see them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { violations } from "./axe.mjs";
import { useRig } from "./rig.mjs";

const rig = useRig({ env: { SWITCHBOARD_API_KEYS: "shop:app:sk-shop,op:operator:sk-operator", SWITCHBOARD_KEEP: "36h" } });

const row = (page, id) => page.locator(`.row[data-id="${id}"]`);

test("an admin makes a key, which is shown once and works, and revokes it", async (t) => {
  const page = await rig.deskPage(t, { at: "#/keys" });
  await row(page, "shop").getByText("--api-keys-file").waitFor();
  assert.equal(await row(page, "shop").getByRole("button").count(), 0, "a key of the environment cannot be revoked");

  await page.getByLabel("Name").fill("no spaces");
  await page.getByRole("button", { name: "Make it" }).click();
  assert.equal(await page.getByLabel("Name").evaluate((field) => field.validity.valid), false);
  await page.getByLabel("Name").fill("shop");
  await page.getByRole("button", { name: "Make it" }).click();
  await page.getByRole("alert").getByText("an API key has this name", { exact: false }).waitFor();

  await page.getByLabel("Name").fill("support");
  await page.getByLabel("Operator", { exact: true }).check();
  await page.getByLabel("Sessions at once").fill("20");
  await page.getByLabel("Tokens a day").fill("2000000");
  await page.getByLabel("Expires").fill("2099-01-02T03:04");
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "Make it" }).click();
  const secret = await page.locator(".secret").innerText();
  assert.deepEqual(await violations(page), []);
  await row(page, "support").getByText("20 sessions at once, 2,000,000 tokens a day").waitFor();
  await row(page, "support").getByText("expires 02/01/2099").waitFor();
  await row(page, "support").getByTestId("today").getByText("Today: 0 sessions").waitFor();
  const self = await rig.rest("GET", "/keys/self", undefined, secret);
  assert.deepEqual([self.name, self.role], ["support", "operator"]);
  await page.getByRole("button", { name: "I have stored it" }).click();
  await page.getByRole("button", { name: "Make it" }).waitFor();
  assert.equal(await page.getByText(secret).count(), 0, "the secret is not shown again");

  await row(page, "support").getByRole("button", { name: "Revoke" }).click();
  await row(page, "support")
    .getByRole("group", { name: /Its clients are closed/ })
    .waitFor();
  assert.deepEqual(await violations(page), []);
  await row(page, "support").getByRole("button", { name: "Revoke" }).click();
  await row(page, "support").waitFor({ state: "detached" });
  const answer = await fetch(`${rig.gateway.origin}/keys/self`, { headers: { authorization: `Bearer ${secret}` } });
  assert.equal(answer.status, 401);
});

test("a key that another admin has revoked meanwhile is no error", async (t) => {
  const { id } = await rig.rest("POST", "/keys", { name: "twice", role: "app" });
  const page = await rig.deskPage(t, { at: "#/keys" });
  await row(page, "twice").getByRole("button", { name: "Revoke" }).click();
  await rig.rest("DELETE", `/keys/${id}`);
  await page.route("**/keys", (route) => (route.request().method() === "GET" ? route.abort() : route.fallback())); // the page does not know yet
  await row(page, "twice").getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("status").getByText("The key twice is revoked").waitFor();
  await page.unroute("**/keys");
  await row(page, "twice").waitFor({ state: "detached" });
  assert.equal(await page.getByTestId("notice").count(), 0);
});

test("an operator finds a setting, the flag it comes from, policies and prices", async (t) => {
  const page = await rig.deskPage(t, { key: "sk-operator", at: "#/settings" });
  await row(page, "--keep").getByText("SWITCHBOARD_KEEP").waitFor();
  await row(page, "--keep").getByText("36h", { exact: false }).first().waitFor();
  await row(page, "--keep").getByText("default: 24h").waitFor();
  await row(page, "--api-keys").getByText("set, not shown").waitFor();
  assert.ok(!(await page.content()).includes("sk-shop"));
  await page.getByTestId("policies").getByText("voice").waitFor();
  await page.getByTestId("prices").getByRole("rowheader", { name: "gpt-realtime-2.1", exact: true }).waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByLabel("Search").fill("switchboard_keep");
  await page.waitForFunction(() => document.querySelectorAll('[data-testid="settings"] .row').length === 1);
  assert.equal(new URL(page.url()).hash, "#/settings?q=switchboard_keep");
  await page.getByLabel("Search").fill("");
  await page.getByLabel("Only those that are not the default").check();
  await page.reload();
  await row(page, "--keep").waitFor();
  assert.equal(await row(page, "--audit-keep").count(), 0);
});

test("a role that may not is told what is needed, and gets no form", async (t) => {
  const app = await rig.deskPage(t, { key: "sk-shop", at: "#/settings" });
  await app.getByText("Settings need an operator.").waitFor();
  assert.equal(await app.getByLabel("Search").count(), 0);
  const operator = await rig.deskPage(t, { key: "sk-operator", at: "#/keys" });
  await operator.getByText("API keys need an admin.").waitFor();
  assert.equal(await operator.getByRole("button", { name: "Make it" }).count(), 0);
  assert.deepEqual(await violations(operator), []);
});

test("keys and settings come back after an outage", async (t) => {
  const page = await rig.deskPage(t, { at: "#/keys" });
  await row(page, "shop").waitFor();
  rig.network.refuse(true);
  rig.network.cut();
  await page.getByTestId("lost").waitFor();
  await rig.rest("POST", "/keys", { name: "meanwhile", role: "app" });
  rig.network.refuse(false);
  await row(page, "meanwhile").waitFor();
  await page.getByTestId("lost").waitFor({ state: "detached" });
});
