// Chromium with a recorded voice as its microphone.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";
import { writeRecording } from "./recording.mjs";

/** What the browser itself logs of a request or a socket that fails: many tests have them fail. */
const failedRequest = /^(Failed to load resource: |WebSocket connection to )/;

/** Starts a browser; `plan` is the recording's (see recording.mjs). */
export async function startBrowser(plan) {
  const folder = await mkdtemp(path.join(tmpdir(), "switchboard-browser-"));
  const recording = path.join(folder, "voice.wav");
  await writeRecording(recording, plan);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
      `--use-file-for-fake-audio-capture=${recording}`,
      "--autoplay-policy=no-user-gesture-required",
    ],
  });
  return {
    browser,
    /** Opens an empty page for a test, and holds at its end that the page threw nothing, logged no error and asked no host but its own and `hosts`. */
    async open(t, { hosts: also = [], ...options } = {}) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      const errors = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error" && !failedRequest.test(message.text())) errors.push(message.text());
      });
      const hosts = new Set();
      const note = (address) => {
        const { protocol, host } = new URL(address);
        if (/^(https?|wss?):$/.test(protocol) && !also.includes(host)) hosts.add(host);
      };
      page.on("request", (request) => note(request.url()));
      page.on("websocket", (socket) => note(socket.url()));
      t.after(async () => {
        if (!t.passed) t.diagnostic(`${page.url().replace(/#.*/, "")} showed when the test failed: ${await seen(page)}`);
        await context.close();
        assert.deepEqual(errors, [], "the page throws nothing and logs no error");
        assert.ok(hosts.size <= 1, `the page asks only its own host, not ${[...hosts].join(", ")}`);
      });
      return page;
    },
    async close() {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What a page shows, for who reads why a test failed. */
async function seen(page) {
  const text = await page.evaluate(() => document.body.innerText).catch((error) => String(error));
  return text.replace(/\s+/g, " ").slice(0, 3000);
}

/**
 * Lets requests to an address through at once, and their answers when they are released. `sent` counts the requests;
 * release() resolves when the page has taken in the answers to those that were sent till then.
 */
export async function hold(page, address, { method } = {}) {
  let free;
  const freed = new Promise((resolve) => (free = resolve));
  const answers = [];
  await page.route(address, async (route) => {
    if (method && route.request().method() !== method) return route.fallback();
    const answer = (async () => {
      const response = await route.fetch();
      await freed;
      await route.fulfill({ response });
    })();
    answers.push(answer);
    await answer;
  });
  return {
    get sent() {
      return answers.length;
    },
    async release() {
      free();
      await Promise.all(answers);
      await settle(page);
    },
  };
}

/** What has reached the page is drawn. */
export function settle(page) {
  return page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
}
