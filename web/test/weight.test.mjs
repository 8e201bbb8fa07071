// What a page loads before it can be used, compressed as the gateway sends it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { useRig } from "./rig.mjs";

const rig = useRig();

/** Bytes, with headers. */
const most = 120_000;

for (const path of ["/", "/fleet", "/jobs", "/docs"]) {
  test(`${path} loads at most ${most / 1000} KB`, async (t) => {
    const page = await rig.chromium.open(t);
    const network = await page.context().newCDPSession(page);
    const sizes = new Map();
    const names = new Map();
    network.on("Network.responseReceived", ({ requestId, response }) => names.set(requestId, response.url));
    network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(names.get(requestId), encodedDataLength));
    await network.send("Network.enable");
    await page.goto(`${rig.gateway.origin}${path}#key=${rig.gateway.key}`, { waitUntil: "load" });
    await page.evaluate(() => document.fonts.ready);
    const total = [...sizes.values()].reduce((sum, n) => sum + n, 0);
    assert.ok(total > 0 && total <= most, `${total} bytes: ${JSON.stringify([...sizes])}`);
  });
}
