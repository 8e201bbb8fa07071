// What the fleet page says of models that OpenAI is going to shut down.

import assert from "node:assert/strict";
import { test } from "node:test";
import { violations } from "./axe.mjs";
import { startBrowser } from "./browser.mjs";
import { startGateway } from "./gateway.mjs";

const patience = { timeout: 60_000 };

/** Opens the fleet page of a gateway with such a model. */
async function openFleet(t, model) {
  const gateway = await startGateway({ SWITCHBOARD_MODEL: model });
  t.after(() => gateway.stop());
  const chromium = await startBrowser([1, 1]);
  t.after(() => chromium.close());
  const page = await chromium.open(t, {});
  page.setDefaultTimeout(patience.timeout);
  await page.goto(`${gateway.origin}/fleet#key=${gateway.key}`);
  await page.getByTestId("phase").getByText("Live").waitFor();
  return { page, gateway };
}

test("the fleet page says when a model in use is shut down, and the log too", async (t) => {
  const { page, gateway } = await openFleet(t, "gpt-realtime");
  await page.getByTestId("shutdowns").getByText("gpt-realtime").waitFor();
  assert.match(await page.getByTestId("shutdowns").innerText(), /OpenAI shuts down gpt-realtime on 20 January 2027\./);
  assert.match(gateway.log(), /going to shut down/);
  assert.deepEqual(await violations(page), []);
});

test("a model that stays is not spoken of", async (t) => {
  const { page, gateway } = await openFleet(t, "gpt-realtime-2.1");
  await page.getByText("Nobody is speaking.").waitFor();
  assert.equal(await page.getByTestId("shutdowns").count(), 0);
  const health = await (await fetch(`${gateway.origin}/readyz`)).json();
  assert.equal(health.models, undefined);
});
