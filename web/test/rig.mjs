// What the tests of the pages share: a gateway of their own, a network in front of it, a browser, and the pages in it.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startBrowser } from "./browser.mjs";
import { startGateway, startNetwork, startRedis } from "./gateway.mjs";

/** A browser that draws in software is slow. */
export const patience = { timeout: 40_000 };

/**
 * Starts it all before the tests of a file and ends it after them. `plan` is the recording's (see recording.mjs). Several
 * `nodes` share a real Redis; rig.gateway is the first, which pages talk to through the network while it accepts.
 */
export function useRig({ plan = [600, 0.1], env = {}, nodes = 1 } = {}) {
  const rig = {
    /** Opens the voice page as the printed address does, through the network that can fail. */
    async voicePage(t, { key = rig.gateway.key, ...options } = {}) {
      const page = await rig.chromium.open(t, options);
      page.setDefaultTimeout(patience.timeout);
      await page.goto(`${rig.network.origin}/${key ? `#key=${key}` : ""}`);
      return page;
    },

    /** Opens a place of the fleet page, or of the jobs page. */
    async deskPage(t, { desk = "fleet", key = rig.gateway.key, at = "", ...options } = {}) {
      const page = await rig.chromium.open(t, options);
      page.setDefaultTimeout(patience.timeout);
      await page.goto(`${rig.network.origin}/${desk}${key ? `#key=${key}` : ""}`);
      if (key) await page.getByTestId("phase").getByText("Live").waitFor();
      if (at) await page.evaluate((at) => (location.hash = at), at);
      return page;
    },

    /** The application's side, by REST. */
    async rest(method, path, body, key = rig.gateway.key) {
      const response = await fetch(rig.gateway.origin + path, {
        method,
        headers: { authorization: `Bearer ${key}`, ...(body && { "content-type": "application/json" }) },
        ...(body && { body: JSON.stringify(body) }),
      });
      assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
      return response.json();
    },

    /** Opens a session, and ends it with the test. */
    async session(t, session_id, { labels = {}, config = { instructions: "Be brief." }, key = rig.gateway.key } = {}) {
      await rig.rest("POST", "/realtime/sessions", { session_id, config, labels }, key);
      t.after(() => rig.rest("DELETE", `/realtime/sessions/${session_id}`, undefined, key));
    },
  };
  before(async () => {
    if (nodes > 1) {
      rig.redis = await startRedis();
      const keys = ["fleet:admin:sk-fleet", env.SWITCHBOARD_API_KEYS].filter(Boolean).join(",");
      env = { ...env, REDIS_URL: rig.redis.url, SWITCHBOARD_API_KEYS: keys };
    }
    rig.nodes = await Promise.all(Array.from({ length: nodes }, () => startGateway(env)));
    rig.gateway = nodes > 1 ? { ...rig.nodes[0], key: "sk-fleet" } : rig.nodes[0];
    rig.network = await startNetwork(...rig.nodes.map((n) => n.host));
    rig.chromium = await startBrowser(plan);
  });
  after(async () => {
    await rig.chromium?.close();
    await rig.network?.stop();
    await Promise.all((rig.nodes ?? []).map((node) => node.stop()));
    await rig.redis?.stop();
  });
  return rig;
}

/** Starts a session on the voice page; by typing, unless it is to be spoken. */
export async function start(page, { spoken = false, instructions } = {}) {
  const fold = page.locator(".side-summary");
  if (await fold.isVisible()) await fold.click();
  if (!spoken) await page.getByLabel("Written").check();
  if (instructions) await page.getByLabel("Instructions").fill(instructions);
  await page.getByTestId("start").click();
  await phase(page, "live");
}

export async function phase(page, wanted) {
  await page.waitForFunction((wanted) => window.switchboard.phase === wanted, wanted, patience);
}

export async function say(page, text) {
  await page.getByLabel("Message").fill(text);
  await page.keyboard.press("Enter");
}

export function sessionId(page) {
  return page.evaluate(() => window.switchboard.sessionId);
}
