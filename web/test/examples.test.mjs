// examples/browser as a person runs it: the page and its own back end, beside a gateway that lets their origin in.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { startBrowser } from "./browser.mjs";
import { startGateway } from "./gateway.mjs";

const server = path.join(import.meta.dirname, "..", "..", "examples", "browser", "server.mjs");

/** A port that nobody listens at: the gateway has to know the page's origin before the page is served. */
async function freePort() {
  const probe = net.createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

test("the browser example speaks and is answered", async (t) => {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const gateway = await startGateway({ SWITCHBOARD_ALLOWED_ORIGINS: origin });
  t.after(() => gateway.stop());
  const backend = spawn(process.execPath, [server], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, GATEWAY: gateway.origin, KEY: gateway.key, PORT: String(port) },
  });
  const exited = once(backend, "exit");
  t.after(async () => {
    backend.kill();
    await exited;
  });
  const [line] = await once(createInterface({ input: backend.stdout }), "line");
  assert.equal(line, origin);

  const chromium = await startBrowser([1, 1.5, 120]);
  t.after(() => chromium.close());
  const page = await chromium.open(t, { hosts: [gateway.host] });
  await page.goto(line);
  await page.getByRole("button", { name: "Speak" }).click();
  await page.waitForFunction(() => document.getElementById("transcript").textContent.trim().length > 10, null, { timeout: 40_000 });
});
