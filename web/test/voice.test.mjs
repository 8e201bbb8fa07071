// The voice page against the gateway's own binary in demo mode, with a recorded voice as the microphone.
// SWITCHBOARD_BIN names the binary (default bin/switchboard), CHROMIUM the browser (default /usr/bin/chromium).

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { violations } from "./axe.mjs";
import { startBrowser } from "./browser.mjs";
import { startGateway, startNetwork } from "./gateway.mjs";

/** Silence, a question, silence in which the answer begins, an interruption, and silence till the end of the test. */
const plan = [2, 1.5, 3.5, 1.2, 120];

/** The stand-in says it in 30 s of speech, and needs 8 s to generate it: the interruption comes before. */
const longAnswer = "Let me tell you about the harbour, the lighthouse and the people who live between them. ".repeat(12).trim();

const patience = { timeout: 40_000 };

let gateway;
let network;
let chromium;

before(async () => {
  gateway = await startGateway();
  network = await startNetwork(gateway.host);
  chromium = await startBrowser(plan);
});

after(async () => {
  await chromium?.close();
  await network?.stop();
  await gateway?.stop();
});

/** Opens the page as the printed address does, through the network that can fail. */
async function openPage(t, { key = gateway.key, ...options } = {}) {
  const page = await chromium.open(t, options);
  await page.goto(`${network.origin}/${key ? `#key=${key}` : ""}`);
  return page;
}

async function start(page) {
  await page.getByTestId("start").click();
  await page.waitForFunction(() => window.switchboard.phase === "live", null, patience);
}

async function end(page) {
  await page.getByTestId("end").click();
  await page.waitForFunction(() => window.switchboard.phase === "ended", null, patience);
}

/** Waits for an event that satisfies all given fields, given by path, and returns it. */
async function received(page, type, fields = {}) {
  const handle = await page.waitForFunction(
    ([type, fields]) =>
      window.switchboard.received.find(
        (event) => event.type === type && Object.entries(fields).every(([path, value]) => path.split(".").reduce((at, name) => at?.[name], event) === value),
      ),
    [type, fields],
    patience,
  );
  return handle.jsonValue();
}

function sessionOf(id) {
  return fetch(`${gateway.origin}/realtime/sessions/${id}`, { headers: { Authorization: `Bearer ${gateway.key}` } });
}

test("a voice session: spoken to, answered, interrupted, typed to, muted, ended", async (t) => {
  const page = await openPage(t);
  assert.equal(new URL(page.url()).hash, "", "the key leaves the address");
  await page.getByLabel("Instructions").fill(`Say "${longAnswer}"`);
  await start(page);

  await t.test("the end of the user's turn is noticed", async () => {
    const started = await received(page, "input_audio_buffer.speech_started");
    await received(page, "input_audio_buffer.speech_stopped", { item_id: started.item_id });
    await received(page, "input_audio_buffer.committed", { item_id: started.item_id });
  });

  let answer;
  await t.test("the answer is really played", async () => {
    await page.waitForFunction(() => window.switchboard.player.played > 4_800 && window.switchboard.player.loudest > 0.01, null, patience);
    const player = await page.evaluate(() => window.switchboard.player);
    answer = player.item;
    assert.ok(player.begun.includes(answer));
    assert.ok(player.played <= player.received, `${player.played} of ${player.received} samples`);
    const [latency] = await page.evaluate(() => window.switchboard.latencies);
    assert.equal(latency.kind, "speech");
    assert.ok(latency.totalMs > 0 && latency.totalMs >= latency.detectMs);
    assert.equal(Number(await page.getByTestId("latency").getAttribute("data-total-ms")), latency.totalMs);
  });

  await t.test("speaking over it silences it, and what was heard is told", async () => {
    const truncated = await received(page, "conversation.item.truncated", { item_id: answer });
    const done = await received(page, "response.done", { "response.status": "cancelled" });
    assert.equal(done.response.status_details.reason, "turn_detected");
    const { sent, transcript, player } = await page.evaluate(() => {
      const { sent, transcript, player } = window.switchboard;
      return { sent, transcript, player };
    });
    const { played, received: samples } = player.cut.find((account) => account.item === answer);
    assert.ok(played > 0 && played < samples, `${played} of ${samples} samples were played when it fell silent`);
    const truncate = sent.find((event) => event.type === "conversation.item.truncate" && event.item_id === answer);
    assert.equal(truncate.content_index, 0);
    assert.equal(truncate.audio_end_ms, Math.floor(played / 24), "what was played, in whole milliseconds");
    assert.equal(truncated.audio_end_ms, truncate.audio_end_ms);
    assert.equal(sent.filter((event) => event.type === "response.cancel").length, 0, "the upstream cancels by itself");
    const entry = transcript.find((line) => line.id === answer);
    assert.equal(entry.state, "cut");
    assert.equal(entry.responseId, done.response.id);
    await page.locator(`[data-item="${answer}"][data-state="cut"]`, { hasText: "interrupted" }).waitFor(patience);
  });

  await t.test("both sides are transcribed, in order", async () => {
    await page.waitForFunction(() => window.switchboard.transcript.filter((e) => e.role === "user" && e.state === "done").length >= 2, null, patience);
    const roles = await page.evaluate(() => window.switchboard.transcript.map((e) => e.role));
    assert.deepEqual(roles.slice(0, 3), ["user", "assistant", "user"]);
  });

  await t.test("a typed message interrupts, and is answered", async () => {
    const before = await page.evaluate(() => window.switchboard.latencies.length);
    await page.getByLabel("Message").fill("Please say something short.");
    await page.keyboard.press("Enter");
    await page.getByText("Please say something short.", { exact: true }).waitFor(patience);
    await page.waitForFunction((n) => window.switchboard.latencies.slice(n).some((l) => l.kind === "text"), before, patience);
    await page.waitForFunction(() => window.switchboard.floor === "assistant", null, patience);
  });

  await t.test("Escape stops the answer", async () => {
    const before = await page.evaluate(() => window.switchboard.sent.filter((e) => e.type === "conversation.item.truncate").length);
    await page.getByLabel("Message").press("Escape");
    await page.waitForFunction((n) => window.switchboard.sent.filter((e) => e.type === "conversation.item.truncate").length > n, before, patience);
    await page.waitForFunction(() => window.switchboard.floor === "none", null, patience);
  });

  await t.test("mute works by button and by key, but not by typing the letter", async () => {
    const mute = page.getByTestId("mute");
    await mute.click();
    assert.equal(await mute.getAttribute("aria-pressed"), "true");
    assert.equal(await page.evaluate(() => window.switchboard.muted), true);
    await page.getByLabel("Message").fill("mm");
    assert.equal(await page.evaluate(() => window.switchboard.muted), true);
    await mute.focus();
    await page.keyboard.press("m");
    assert.equal(await mute.getAttribute("aria-pressed"), "false");
  });

  await t.test("End ends it at the gateway too", async () => {
    const id = await page.evaluate(() => window.switchboard.sessionId);
    const deleted = page.waitForResponse((response) => response.request().method() === "DELETE");
    await end(page);
    assert.ok((await deleted).ok());
    assert.equal((await (await sessionOf(id)).json()).status, "ended");
    assert.equal(await page.getByTestId("notice").count(), 0);
    await page.waitForFunction(() => document.activeElement.id === "start", null, patience);
  });
});

test("a written session needs no microphone", async (t) => {
  const page = await openPage(t, { permissions: [] });
  await page.getByLabel("Written").check();
  await start(page);
  await page.getByLabel("Message").fill("Hello in writing.");
  await page.keyboard.press("Enter");
  await received(page, "response.done", { "response.status": "completed" });
  const counts = await page.evaluate(() => window.switchboard.counts);
  assert.equal(counts["input_audio_buffer.append"], undefined);
  assert.equal(counts["response.output_audio.delta"], undefined);
  const [latency] = await page.evaluate(() => window.switchboard.latencies);
  assert.equal(latency.first, "word");
  await end(page);
});

test("a lost connection is shown, and the session goes on when it is back", async (t) => {
  const page = await openPage(t);
  await page.getByLabel("Written").check();
  await start(page);
  await received(page, "session.created");
  network.refuse(true);
  network.cut();
  await page.getByTestId("lost").waitFor(patience);
  assert.equal(await page.getByTestId("phase").textContent(), "Retrying");
  await page.getByLabel("Message").fill("Are you still there?");
  await page.keyboard.press("Enter");
  await page.locator('.line[data-state="queued"]').getByText("Are you still there?").waitFor(patience);
  network.refuse(false);
  await page.waitForFunction(() => window.switchboard.phase === "live" && window.switchboard.reconnects === 1, null, patience);
  await page.getByTestId("lost").waitFor({ state: "detached", ...patience });
  await received(page, "response.done", { "response.status": "completed" });
  await end(page);
});

test("a session that was ended elsewhere says so", async (t) => {
  const page = await openPage(t);
  await page.getByLabel("Written").check();
  await start(page);
  const id = await page.evaluate(() => window.switchboard.sessionId);
  await fetch(`${gateway.origin}/realtime/sessions/${id}`, { method: "DELETE", headers: { Authorization: `Bearer ${gateway.key}` } });
  await page.waitForFunction(() => window.switchboard.phase === "ended", null, patience);
  await page.getByTestId("notice").getByText("An operator ended the call").waitFor(patience);
});

describe("what goes wrong is told in plain words", () => {
  test("a wrong key", async (t) => {
    const page = await openPage(t, { key: "sk-wrong" });
    await page.getByTestId("start").click();
    const notice = page.getByTestId("notice");
    await notice.getByText("This API key is not accepted").waitFor(patience);
    await notice.getByRole("button", { name: "Use another key" }).click();
    await page.waitForFunction(() => document.activeElement.id === "key", null, patience);
    await page.getByLabel("API key").fill(gateway.key);
    await page.keyboard.press("Enter");
    await page.getByTestId("start").waitFor(patience);
  });

  test("a gateway that does not answer", async (t) => {
    const page = await openPage(t);
    network.refuse(true);
    network.cut();
    t.after(() => network.refuse(false));
    await page.getByTestId("start").click();
    await page.getByTestId("notice").getByText("The gateway does not answer").waitFor(patience);
  });

  test("no microphone at all", async (t) => {
    const page = await openPage(t);
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("none", "NotFoundError"));
    });
    await page.getByTestId("start").click();
    await page.getByTestId("notice").getByText("No microphone was found").waitFor(patience);
    assert.equal(await page.evaluate(() => window.switchboard.phase), "idle");
  });

  test("a question for the microphone that nobody answers can be given up", async (t) => {
    const page = await openPage(t);
    await page.evaluate(() => {
      const { mediaDevices } = navigator;
      const open = mediaDevices.getUserMedia.bind(mediaDevices);
      mediaDevices.getUserMedia = async (wanted) => {
        await new Promise((resolve) => {
          window.allow = resolve;
        });
        window.media = await open(wanted);
        return window.media;
      };
    });
    await page.getByTestId("start").click();
    await page.waitForFunction(() => window.allow, null, patience);
    await page.getByTestId("cancel").click();
    await page.waitForFunction(() => window.switchboard.phase === "idle" && document.activeElement.id === "start", null, patience);
    await page.evaluate(() => window.allow());
    await page.waitForFunction(() => window.media?.getTracks().every((track) => track.readyState === "ended"), null, patience);
    assert.equal(await page.getByTestId("notice").count(), 0);
    assert.equal(await page.evaluate(() => window.switchboard.sessionId), "", "no session was opened");
  });

  test("a microphone that may not be used", async (t) => {
    const page = await openPage(t);
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("denied", "NotAllowedError"));
    });
    await page.getByTestId("start").click();
    const notice = page.getByTestId("notice");
    await notice.getByText("The microphone is blocked").waitFor(patience);
    await notice.getByRole("button", { name: "Go on by typing" }).click();
    await page.waitForFunction(() => window.switchboard.phase === "live", null, patience);
    await end(page);
  });
});

describe("accessibility, by axe-core", () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of [
      { width: 1280, height: 800 },
      { width: 360, height: 740 },
    ]) {
      test(`${colorScheme}, ${viewport.width} pixels wide`, async (t) => {
        const options = { colorScheme, viewport, reducedMotion: "reduce" };
        assert.deepEqual(await violations(await openPage(t, { key: "", ...options })), []);
        const page = await openPage(t, options);
        assert.deepEqual(await violations(page), []);
        await start(page);
        await page.getByLabel("Message").fill("Hello there.");
        await page.keyboard.press("Enter");
        await page.waitForFunction(() => window.switchboard.player.played > 0, null, patience);
        assert.deepEqual(await violations(page), []);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(overflow, 0, "nothing is wider than the window");
        await end(page);
        assert.deepEqual(await violations(page), []);
      });
    }
  }
});
