// What a conversation looks like, on the voice page and on the fleet page, also on a small screen, and what it costs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { patience, say, start, useRig } from "./rig.mjs";

const rig = useRig();

const phone = { viewport: { width: 390, height: 844 } };

const tool = {
  type: "function",
  name: "look_up_order",
  description: "Looks up an order",
  parameters: {
    type: "object",
    properties: { customer: { type: "string", enum: [`a-very-long-name-${"x".repeat(120)}`] }, lines: { type: "array", items: { type: "integer" } } },
    required: ["customer"],
  },
};

const width = (locator) => locator.evaluate((el) => [el.scrollWidth, el.clientWidth]);

test("a function call fits a phone, and unfolds into JSON that can be copied", async (t) => {
  const id = "calls";
  await rig.session(t, id, { config: { instructions: "Call look_up_order when you are asked.", tools: [tool] } });
  await rig.rest("POST", `/realtime/sessions/${id}/message`, { text: "Use look_up_order please." });
  const page = await rig.deskPage(t, { at: `#/sessions/${id}`, ...phone, permissions: ["clipboard-read", "clipboard-write"] });
  const conversation = page.locator(".conversation");
  const args = conversation.getByTestId("call-arguments");
  await args.waitFor();
  const [scroll, client] = await width(conversation);
  assert.equal(scroll, client, "nothing runs out of the transcript");
  assert.equal(await args.locator("pre").isVisible(), false);
  await args.locator("summary").press("Enter");
  const shown = await args.locator("pre").innerText();
  assert.match(shown, /^\{\n {2}"customer": "a-very-long-name/);
  assert.deepEqual(await width(conversation), [client, client]);
  await args.getByRole("button", { name: "Copy arguments" }).click();
  await args.getByText("Copied").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), shown);

  const { items } = await rig.rest("GET", `/realtime/sessions/${id}/items`);
  await rig.rest("POST", `/realtime/sessions/${id}/function-result`, { call_id: items.find((item) => item.call_id).call_id, output: '{"state":"sent"}' });
  const result = page.getByTestId("call-result");
  await result.locator("summary").click();
  assert.equal(await result.locator("pre").innerText(), '{\n  "state": "sent"\n}');
});

test("the words of an answer that were not heard are struck through where it is read along", async (t) => {
  const words = "one two three four five six seven eight nine ten ".repeat(12).trim();
  const voice = await rig.voicePage(t);
  await start(voice, { spoken: true, instructions: `Say "${words}"` });
  const id = await voice.evaluate(() => window.switchboard.sessionId);
  const fleet = await rig.deskPage(t, { at: `#/sessions/${id}` });
  // How much was heard is asked for again when the gateway cannot be asked.
  await fleet.route("**/items?newest=*", (route) => route.abort(), { times: 1 });
  await say(voice, "Count.");
  await voice.waitForFunction(() => window.switchboard.player.played > 48_000, null, patience);
  await voice.keyboard.press("Escape");
  const line = fleet.locator('[data-testid="conversation"] [data-state="cut"]');
  for (const look of ["as it happens", "after a reload"]) {
    // Until it is known how much was heard, none was. What is looked at has to be of one moment.
    const cut = () => {
      const line = document.querySelector('[data-testid="conversation"] [data-state="cut"]');
      const [whole, unheard] = [".said", ".unheard"].map((part) => line?.querySelector(part)?.innerText ?? "");
      return /^one two[\s\S]*interrupted at \d\.\d s/.test(whole) && unheard.length > 10 && unheard.length < whole.length;
    };
    await fleet.waitForFunction(cut, null, patience);
    assert.equal(await line.locator(".unheard").evaluate((el) => getComputedStyle(el).textDecorationLine), "line-through", look);
    await fleet.reload();
  }
  await voice.getByTestId("end").click();
});

test("a session that nobody transcribes says so", async (t) => {
  const voice = await rig.voicePage(t);
  await voice.evaluate(() => {
    const send = window.fetch;
    window.fetch = (address, options) => {
      if (address === "/realtime/sessions" && options.method === "POST") {
        const body = JSON.parse(options.body);
        body.config.audio.input.transcription = null;
        return send(address, { ...options, body: JSON.stringify(body) });
      }
      return send(address, options);
    };
    // Speech, then silence.
    navigator.mediaDevices.getUserMedia = async () => {
      const context = new AudioContext();
      const tone = new OscillatorNode(context, { frequency: 220, type: "sawtooth" });
      const out = context.createMediaStreamDestination();
      tone.connect(out);
      tone.start(context.currentTime + 0.5);
      tone.stop(context.currentTime + 2);
      return out.stream;
    };
  });
  await start(voice, { spoken: true });
  const id = await voice.evaluate(() => window.switchboard.sessionId);
  const fleet = await rig.deskPage(t, { at: `#/sessions/${id}` });
  const line = fleet.locator('[data-testid="conversation"] [data-role="user"]');
  await line.getByText("Spoken, not transcribed (transcription is off)").waitFor();
  await voice.getByTestId("end").click();
  await fleet.locator('[data-testid="session"][data-status="ended"]').waitFor();
  await fleet.reload();
  await line.getByText("Spoken, not transcribed (transcription is off)").waitFor();
  assert.equal(await fleet.getByText("No words were understood").count(), 0);
});

test("older lines that are not shown are named, and can all be had; who has scrolled away is told of new ones", async (t) => {
  const id = "long";
  await rig.session(t, id);
  const path = `/realtime/sessions/${id}`;
  for (let i = 0; i < 13; i++) {
    await Promise.all(Array.from({ length: 40 }, (_, n) => rig.rest("POST", `${path}/message`, { text: `Line ${i * 40 + n}.`, respond: false })));
  }
  const page = await rig.deskPage(t, { at: `#/sessions/${id}` });
  await page.getByTestId("dropped").getByText("20 older lines are not shown.").waitFor();
  assert.equal(await page.getByTestId("conversation").locator("> li").count(), 500);
  assert.equal(await page.getByTestId("to-end").count(), 0);
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Text" }).click()]);
  const text = await readFile(await file.path(), "utf8");
  assert.equal(text.match(/ Line \d+\.$/gm)?.length, 520);

  const conversation = page.locator(".conversation");
  await conversation.evaluate((el) => (el.scrollTop = 100));
  await page.getByTestId("to-end").getByText("To the end").waitFor();
  await rig.rest("POST", `${path}/message`, { text: "The latest.", respond: false });
  await page.getByTestId("to-end").getByText("New below").click();
  await page.waitForFunction(() => {
    const el = document.querySelector(".conversation");
    return el.scrollHeight - el.scrollTop - el.clientHeight < 5;
  });
  assert.equal(await page.evaluate(() => document.activeElement.className), "conversation");
});

test("a transcript that is full costs no more memory, however long it goes on", async (t) => {
  const page = await rig.voicePage(t);
  await start(page);
  const heap = await heapOf(page);
  const turns = async (n) => {
    for (let i = 0; i < n; i++) {
      await page.evaluate(async () => {
        const before = window.switchboard.transcript.length;
        const form = document.querySelector(".say");
        const field = document.getElementById("say");
        field.value = "Go on.";
        field.dispatchEvent(new Event("input", { bubbles: true }));
        await new Promise(requestAnimationFrame);
        form.requestSubmit();
        while (window.switchboard.transcript.length < before + 2 || window.switchboard.floor !== "none") await new Promise((resolve) => setTimeout(resolve, 5));
      });
    }
  };
  await turns(20);
  const first = await heap();
  await turns(80);
  const second = await heap();
  const perLine = (second - first) / 160;
  t.diagnostic(`40 lines ${(first / 1e6).toFixed(1)} MB, 200 lines ${(second / 1e6).toFixed(1)} MB, ${Math.round(perLine / 1000)} kB per line`);
  // A line is some text, an entry and a dozen nodes. Lines that keep the lists of older renders cost 50 kB each, and more the more there are.
  assert.ok(perLine < 15_000, `${Math.round(perLine)} bytes per line`);
});

/** Reads the page's heap after a garbage collection. */
async function heapOf(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("HeapProfiler.enable");
  return async () => {
    for (let i = 0; i < 3; i++) await cdp.send("HeapProfiler.collectGarbage");
    return (await cdp.send("Runtime.getHeapUsage")).usedSize;
  };
}
