// What the list of sessions costs a page: `node test/measure/list-memory.mjs [sessions] [seconds]`, by default 5,000 for 180.
// As many have ended. Live sessions of one gateway with a real Redis change all the time, half of the changes are of rows in sight. Prints the CPU
// time of the main thread per update of the list, the longest task, and the JavaScript heap after a garbage collection;
// at the end the same while the whole list is scrolled, and how many pictures came late.

import { startBrowser } from "../browser.mjs";
import { startGateway, startRedis } from "../gateway.mjs";

const sessions = Number(process.argv[2] ?? 5_000);
const seconds = Number(process.argv[3] ?? 180);
const atOnce = 8;

const redis = await startRedis();
const key = "sk-measure-0123456789";
const gateway = await startGateway({ REDIS_URL: redis.url, SWITCHBOARD_API_KEYS: `measure:admin:${key}` });
const chromium = await startBrowser([1, 1]);
const rest = async (method, path, body) => {
  const response = await fetch(gateway.origin + path, { method, headers: { authorization: `Bearer ${key}`, "content-type": "application/json" }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
};
/** Does something for each of many, some at once. */
const each = async (n, work) => {
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < n) await work(next++);
    }),
  );
};

const open = (session_id, n) => rest("POST", "/realtime/sessions", { session_id, config: { output_modalities: ["text"] }, labels: { team: `team-${n % 50}`, customer: `${n}` } });
await each(sessions, async (n) => {
  await open(`e-${n}`, n);
  await rest("DELETE", `/realtime/sessions/e-${n}`);
});
await each(sessions, (n) => open(`s-${n}`, n));
console.log(`${sessions} sessions are live, and as many have ended`);

const page = await (await chromium.browser.newContext()).newPage();
await page.addInitScript(() => {
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
  }).observe({ type: "longtask" });
});
await page.goto(`${gateway.origin}/fleet#key=${key}`);
await page.evaluate(() => (location.hash = "#/sessions"));
await page.getByTestId("sessions").waitFor();
let updates = 0;
let heard = 0; // an update comes in several pieces
const devtools = await page.context().newCDPSession(page);
await devtools.send("Network.enable");
devtools.on("Network.dataReceived", ({ timestamp }) => {
  if (timestamp - heard > 0.3) updates++;
  heard = timestamp;
});
await devtools.send("Performance.enable", { timeDomain: "threadTicks" }); // what others run on the machine does not count
const metrics = async () => Object.fromEntries((await devtools.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));

let changes = 0;
let over = false;
const changing = each(Number.MAX_SAFE_INTEGER, async () => {
  if (over) return new Promise(() => {});
  const n = changes % 2 ? Math.floor(Math.random() * sessions) : Math.max(0, sessions - 1 - Math.floor(Math.random() * 50));
  await rest("PATCH", `/realtime/sessions/s-${n}`, { labels: { turn: `${changes++}` } });
});
changing.catch((problem) => {
  console.error(problem);
  process.exit(1);
});

/** Measures what the main thread does while something is done. */
const measure = async (what, work) => {
  await page.evaluate(() => {
    window.longest = 0;
  });
  const [before, seen, made, began] = [await metrics(), updates, changes, Date.now()];
  const said = await work();
  const now = await metrics();
  const took = (Date.now() - began) / 1_000;
  const ms = (name) => (1_000 * (now[name] - before[name])) / Math.max(1, updates - seen);
  const longest = await page.evaluate(() => window.longest);
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  const { nodes } = await devtools.send("Memory.getDOMCounters");
  console.log(
    `${what}: ${updates - seen} updates in ${took.toFixed(0)} s of ${((changes - made) / took).toFixed(0)} changes a second; per update ${ms("TaskDuration").toFixed(1)} ms ` +
      `(script ${ms("ScriptDuration").toFixed(1)}, layout ${ms("LayoutDuration").toFixed(1)}, style ${ms("RecalcStyleDuration").toFixed(1)}), longest task ${longest.toFixed(0)} ms` +
      `${said ?? ""}, heap ${(usedSize / 2 ** 20).toFixed(1)} MiB, ${nodes} nodes`,
  );
};

for (let at = 0; at < seconds; at += 30) await measure(`after ${at} s`, () => new Promise((done) => setTimeout(done, 30_000)));
await measure("scrolled", () =>
  page.evaluate(async () => {
    let [last, slow, frames] = [performance.now(), 0, 0];
    let scroller = document.querySelector('[data-testid="sessions"]');
    while (scroller.parentElement && !(scroller.scrollHeight > scroller.clientHeight && getComputedStyle(scroller).overflowY !== "visible")) scroller = scroller.parentElement;
    for (let y = 0; y < scroller.scrollHeight; y += 600) {
      scroller.scrollTop = y;
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      if (now - last > 50) slow++;
      frames++;
      last = now;
    }
    return `, ${frames} pictures, ${slow} of them later than 50 ms`;
  }),
);
over = true;
await chromium.close();
await gateway.stop();
await redis.stop();
process.exit(0);
