// A picture of a page for docs/, taken of the demo: 1280 × 800 at twice the pixels.
// The file and the colour scheme (light, dark) may be given as arguments.

import path from "node:path";
import { startBrowser } from "./browser.mjs";
import { startGateway } from "./gateway.mjs";

/** `arrange` brings the page at `address` to the moment that is worth a picture; `application` is the application's side, by REST. */
export async function takePicture(name, address, arrange) {
  const [file = path.join(import.meta.dirname, "..", "..", "docs", name), colorScheme = "light"] = process.argv.slice(2);
  const gateway = await startGateway();
  const chromium = await startBrowser([600, 0.1]);
  try {
    const page = await chromium.browser.newPage({ viewport: { width: 1280, height: 800 }, deviceScaleFactor: 2, colorScheme });
    await page.goto(`${gateway.origin}${address}#key=${gateway.key}`);
    await arrange(page, (method, route, body) => application(gateway, method, route, body));
    await page.evaluate(() => document.activeElement.blur());
    await page.screenshot({ path: file });
  } finally {
    await chromium.close();
    await gateway.stop();
  }
}

async function application(gateway, method, route, body) {
  const response = await fetch(gateway.origin + route, {
    method,
    headers: { Authorization: `Bearer ${gateway.key}`, ...(body && { "Content-Type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
  return response.json();
}
