// Takes a picture of every screen, light, dark and on a phone, into the folder that is given (default: screenshots), and those
// that the README shows into docs/ as well. Each look has a demo of its own, so that all show the same.

import { copyFile, mkdir } from "node:fs/promises";
import path from "node:path";
import { startBrowser } from "../browser.mjs";
import { startGateway } from "../gateway.mjs";
import { fleet } from "./fleet.mjs";
import { jobs } from "./jobs.mjs";
import { voice } from "./voice.mjs";

const repository = path.join(import.meta.dirname, "..", "..", "..");
const [folder = path.join(repository, "screenshots"), ...only] = process.argv.slice(2);

const desk = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 2 };
const looks = {
  light: { ...desk, colorScheme: "light" },
  dark: { ...desk, colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, colorScheme: "light" },
};

/** Pictures of the look "light" that the README shows. */
const shown = { voice: "voice-page.png", session: "fleet-page.png", batches: "jobs-page.png" };

for (const [look, options] of Object.entries(looks)) {
  await mkdir(path.join(folder, look), { recursive: true });
  for (const tour of [voice, fleet, jobs]) {
    if (!only.length || only.includes(tour.name)) await take(look, options, tour);
  }
}

async function take(look, options, tour) {
  const gateway = await startGateway();
  const chromium = await startBrowser([600, 0.1]);
  try {
    const page = await chromium.browser.newPage(options);
    const callers = await chromium.browser.newPage();
    await callers.goto(gateway.origin);
    const open = async (address) => {
      // A page that is left for another address of its own keeps what it has loaded.
      await page.goto("about:blank");
      await page.goto(`${gateway.origin}${address.replace(/#.*/, "")}#key=${gateway.key}`);
      const place = address.match(/#.*/)?.[0];
      if (place) await page.evaluate((place) => (location.hash = place), place);
    };
    const shoot = async (name) => {
      await page.evaluate(() => document.activeElement.blur());
      const file = path.join(folder, look, `${name}.png`);
      await page.screenshot({ path: file });
      if (look === "light" && shown[name]) await copyFile(file, path.join(repository, "docs", shown[name]));
      console.log(path.relative(process.cwd(), file));
    };
    await tour({ page, callers, open, shoot, application: (method, route, body) => application(gateway, method, route, body) });
  } finally {
    await chromium.close();
    await gateway.stop();
  }
}

/** The application's side, by REST. */
async function application(gateway, method, route, body) {
  const response = await fetch(gateway.origin + route, {
    method,
    headers: { Authorization: `Bearer ${gateway.key}`, ...(body && { "Content-Type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? undefined : response.json();
}
