// How much memory a page holds that shows one session for long: `node test/measure/session-memory.mjs [turns]`.
// 30 minutes at 3 turns a second are 5,400 turns. They are taken as fast as the session takes them, which is harder on the
// page, and each part is looked at in turn. Prints the JavaScript heap after a garbage collection, and the longest task.

import { startBrowser } from "../browser.mjs";
import { startGateway } from "../gateway.mjs";

const turns = Number(process.argv[2] ?? 5_400);
const parts = ["conversation", "timeline", "events", "instructions", "notes"];

const gateway = await startGateway();
const chromium = await startBrowser([1, 1]);
const rest = async (method, path, body) => {
  const response = await fetch(gateway.origin + path, {
    method,
    headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
};

await rest("POST", "/realtime/sessions", { session_id: "long", config: { instructions: "Be brief.", output_modalities: ["text"] } });
const page = await (await chromium.browser.newContext()).newPage();
await page.goto(`${gateway.origin}/fleet#key=${gateway.key}`);
await page.evaluate(() => {
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
  }).observe({ type: "longtask" });
});
const devtools = await page.context().newCDPSession(page);
await devtools.send("Performance.enable");
let before = {};
const measure = async (turn, part) => {
  const { metrics } = await devtools.send("Performance.getMetrics");
  const now = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  const share = (name) => `${((100 * (now[name] - (before[name] ?? 0))) / (now.Timestamp - (before.Timestamp ?? 0))).toFixed(0)} %`;
  const busy = `busy ${share("TaskDuration")}: script ${share("ScriptDuration")}, layout ${share("LayoutDuration")}, style ${share("RecalcStyleDuration")}`;
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  const { nodes } = await devtools.send("Memory.getDOMCounters");
  const longest = await page.evaluate(() => {
    const { longest } = window;
    window.longest = 0;
    return longest;
  });
  before = Object.fromEntries((await devtools.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
  console.log(`${turn} turns, ${part}: ${(usedSize / 2 ** 20).toFixed(1)} MiB, ${nodes} nodes, longest task ${longest.toFixed(0)} ms, ${busy}`);
};

const started = Date.now();
let part = "the list";
await measure(0, part);
for (let turn = 1; turn <= turns; turn++) {
  await rest("POST", "/realtime/sessions/long/message", { text: `Turn ${turn}: ${"as a caller says it, ".repeat(4)}` });
  if (turn % 60 !== 0) continue;
  await measure(turn, part);
  part = parts[(turn / 60) % parts.length];
  await page.evaluate((hash) => (location.hash = hash), `#/sessions/long${part && `?show=${part}`}`);
}
console.log(`${(turns / ((Date.now() - started) / 1_000)).toFixed(1)} turns a second`);
await chromium.close();
await gateway.stop();
