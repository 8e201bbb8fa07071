// Overview, nodes and audit log of the fleet page, as an operator and as an application's key sees them.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { violations } from "./axe.mjs";
import { useRig } from "./rig.mjs";

const rig = useRig({ nodes: 2, env: { SWITCHBOARD_API_KEYS: "shop:app:sk-shop" } });

const hostile = `<img src=x onerror="throw 1">`;

test("an operator sees what the fleet does, what needs attention and who changed what", async (t) => {
  await rig.session(t, "watched", { labels: { team: hostile } });
  const page = await rig.deskPage(t, { at: "#/overview" });
  await page.getByTestId("overview-totals").getByText("1 sessions without one").waitFor();
  await page.getByTestId("attention").getByText("1 live sessions have no client attached").waitFor();
  assert.equal(await page.locator(".chart svg").count(), 7);
  await page.getByLabel("24 hours").check();
  assert.equal(new URL(page.url()).hash, "#/overview?window=24h");
  const chart = page.locator(".chart").first();
  await chart.locator("svg").hover();
  await chart
    .getByText(/[0-9]{2}:[0-9]{2}/)
    .nth(1)
    .waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByTestId("facets").getByRole("link", { name: hostile }).click();
  await page.locator('[data-testid="sessions"] [data-id="watched"]').waitFor();

  await page.getByRole("link", { name: "Audit log" }).click();
  await page.getByTestId("audit").getByText("create-session").first().waitFor();
  await page.getByTestId("audit").getByRole("link", { name: "watched" }).first().waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByLabel("Action").fill("create-*");
  await page.keyboard.press("Enter");
  await page.getByLabel("Session").fill("watched");
  await page.keyboard.press("Enter");
  assert.equal(new URL(page.url()).hash, "#/audit?action=create-*&session_id=watched");
  await page.waitForFunction(() => document.querySelectorAll('[data-testid="audit"] > li').length === 1);
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export as NDJSON" }).click()]);
  const [line, ...more] = (await readFile(await file.path(), "utf8"))
    .trim()
    .split("\n")
    .map((l) => JSON.parse(l));
  assert.deepEqual([line.action, line.session_id, line.fields, more], ["create-session", "watched", ["session_id", "config", "labels"], []]);
  await page.getByLabel("Refused").check();
  await page.getByText("No entry fits the filter.").waitFor();
});

test("an operator drains a node and takes that back", async (t) => {
  const page = await rig.deskPage(t, { at: "#/nodes" });
  await page.getByTestId("node").nth(1).waitFor();
  const node = page.getByTestId("node").filter({ hasText: rig.gateway.host });
  await node.getByText("Redis").waitFor();
  await node.getByRole("button", { name: "Drain" }).click();
  assert.deepEqual(await violations(page), []);
  await node.getByRole("button", { name: "Drain" }).click();
  await node.getByRole("button", { name: "Take sessions again" }).click();
  await node.getByRole("button", { name: "Drain" }).waitFor();
});

test("a key that is no operator's is told what is needed", async (t) => {
  const page = await rig.deskPage(t, { key: "sk-shop", at: "#/overview" });
  await page.getByText("Figures of the fleet need an operator.").waitFor();
  await page.evaluate(() => (location.hash = "#/audit"));
  await page.getByText("Audit logs need an operator.").waitFor();
  assert.deepEqual(await violations(page), []);
});
