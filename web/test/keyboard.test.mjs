// The pages by keyboard, on small screens, and with colours that the user chose.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { patience, phase, start, useRig } from "./rig.mjs";

const rig = useRig({ env: { SWITCHBOARD_API_KEYS: "shop:app:sk-shop,op:operator:sk-op-operator" } });

const phone = { viewport: { width: 390, height: 844 } };

/** What has the focus; never the body, which is nowhere. */
async function focused(page) {
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50))));
  return page.evaluate(() => {
    const { tagName, id, textContent } = document.activeElement;
    return `${tagName}${id && `#${id}`} ${textContent.trim().slice(0, 40)}`;
  });
}

describe("the keyboard's place is kept when its control goes", () => {
  test("on the voice page", async (t) => {
    const page = await rig.voicePage(t, { key: "" });
    await page.getByLabel("API key").fill(rig.gateway.key);
    await page.keyboard.press("Enter");
    await page.getByTestId("start").waitFor();
    assert.match(await focused(page), /^H2 New session/, "after signing in");
    await page.getByRole("button", { name: "Change" }).press("Enter");
    await page.getByLabel("API key").waitFor();
    assert.match(await focused(page), /^INPUT#key/, "another key");
    await page.getByLabel("API key").fill(rig.gateway.key);
    await page.keyboard.press("Enter");
    await page.getByLabel("Written").check();
    await page.getByTestId("start").press("Enter");
    await phase(page, "live");
    assert.match(await focused(page), /^MAIN#stage/, "in a call");
    await page.getByTestId("end").press("Enter");
    await phase(page, "ended");
    assert.match(await focused(page), /^BUTTON#start/, "after it");

    await page.route("**/realtime/sessions", (route) => route.fulfill({ status: 503, json: { status: 503, title: "Service Unavailable", detail: "draining" } }));
    await page.getByTestId("start").press("Enter");
    const dismiss = page.getByRole("button", { name: "Dismiss" });
    await dismiss.press("Enter");
    await dismiss.waitFor({ state: "detached" });
    assert.doesNotMatch(await focused(page), /^BODY/, "after a notice is dismissed");
  });

  test("on the fleet page", async (t) => {
    await rig.session(t, "focus-1");
    const page = await rig.deskPage(t, { key: "" });
    await page.getByLabel("API key").fill(rig.gateway.key);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "focus-1" }).waitFor();
    assert.match(await focused(page), /^H2#filter-title Filter/, "after signing in");
    await page.getByRole("link", { name: "focus-1" }).press("Enter");
    await page.getByRole("button", { name: "End", exact: true }).press("Enter");
    await page.getByRole("group").getByRole("button", { name: "End" }).press("Enter");
    await page.locator('[data-testid="session"][data-status="ended"]').waitFor();
    assert.match(await focused(page), /^H1 focus-1/, "after a session is ended");

    const { id } = await rig.rest("POST", "/realtime/broadcasts", { instructions: "Soon withdrawn.", select: { team: "nobody" } });
    await page.evaluate((id) => (location.hash = `#/broadcasts/${id}`), id);
    await page.getByRole("button", { name: "Withdraw" }).press("Enter");
    await page.getByRole("group").getByRole("button", { name: "Withdraw" }).press("Enter");
    await page.getByTestId("withdrawal").waitFor();
    assert.match(await focused(page), /^H1 Broadcast to/, "after a broadcast is withdrawn");
    await page.getByRole("button", { name: "Change" }).press("Enter");
    assert.match(await focused(page), /^INPUT#key/, "another key");
  });

  test("a button that has nothing to do keeps it, and does nothing", async (t) => {
    await rig.session(t, "idle-1");
    const page = await rig.deskPage(t, { at: "#/sessions/idle-1" });
    const stop = page.getByRole("button", { name: "Stop the answer" });
    await stop.waitFor();
    let asked = 0;
    await page.route("**/cancel", (route) => {
      asked++;
      return route.fulfill({ status: 200, json: { status: "cancelled" } });
    });
    await stop.focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Space");
    assert.match(await focused(page), /^BUTTON Stop the answer/);
    assert.equal(await stop.getAttribute("aria-disabled"), "true");
    assert.equal(asked, 0);
  });
});

/** Whether the tab order goes down the page and never back up. */
async function tabOrder(page, n) {
  const tops = [];
  await page.evaluate(() => {
    document.activeElement.blur();
    scrollTo(0, 0);
  });
  for (let i = 0; i < n; i++) {
    await page.keyboard.press("Tab");
    tops.push(
      await page.evaluate(() => {
        const el = document.activeElement;
        const fixed = el.closest(".start-bar, .skip");
        return fixed ? null : Math.round(el.getBoundingClientRect().top + scrollY);
      }),
    );
  }
  return tops.filter((top) => top !== null);
}

test("on a phone the focus goes down the page, and the form is folded", async (t) => {
  await rig.session(t, "order-1");
  const page = await rig.deskPage(t, phone);
  await page.getByRole("link", { name: "order-1" }).waitFor();
  assert.equal(await page.getByLabel("Labels").isVisible(), false);
  for (const unfolded of [false, true]) {
    if (unfolded) await page.locator(".side-summary").click();
    const tops = await tabOrder(page, unfolded ? 7 : 9);
    // what stands in one row differs by some pixels
    for (const [i, top] of tops.entries()) assert.ok(i === 0 || top > tops[i - 1] - 12, `${unfolded ? "unfolded" : "folded"}: ${tops}`);
  }
});

test("on a phone Start is in sight before and after a call, and so is what went wrong", async (t) => {
  const page = await rig.voicePage(t, phone);
  const inSight = async (locator) => {
    const { y, height } = await locator.boundingBox();
    return y >= 0 && y + height <= phone.viewport.height;
  };
  const button = page.getByTestId("start");
  await button.waitFor();
  assert.ok(await inSight(button), "Start, on arrival");
  await page.route("**/realtime/sessions", (route) => route.fulfill({ status: 429, json: { status: 429, title: "Too Many Requests", detail: "too many sessions" } }));
  await page.evaluate(() => scrollTo(0, 9_999));
  await button.click();
  await page.getByTestId("notice").waitFor();
  await page.waitForFunction(() => {
    const { top, bottom } = document.querySelector('[data-testid="notice"]').getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  });
  await page.unroute("**/realtime/sessions");
  await start(page);
  for (let i = 0; i < 12; i++) {
    await page.getByLabel("Message").fill(`Message ${i}`);
    await page.keyboard.press("Enter");
    await page.getByText(`You said: Message ${i}`, { exact: true }).waitFor();
  }
  await page.getByTestId("end").click();
  await phase(page, "ended");
  await button.waitFor();
  assert.ok(await inSight(button), "Start, after a long call");
});

test("signing in asks who the key is, before the microphone", async (t) => {
  const page = await rig.voicePage(t, { key: "" });
  await page.getByLabel("API key").fill("sk-nobody");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("This API key is not accepted").waitFor();
  assert.equal(await page.getByLabel("API key").inputValue(), "sk-nobody", "it can be corrected");
  await page.getByLabel("API key").fill("sk-op-operator");
  await page.keyboard.press("Enter");
  await page.getByTestId("identity").getByText("op · operator").waitFor();
  const fleet = await rig.deskPage(t, { key: "sk-shop" });
  await fleet.getByTestId("identity").getByText("shop · app").waitFor();

  const other = await rig.voicePage(t, { key: "sk-nobody" });
  await other.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => {
      window.asked = true;
      return new Promise(() => undefined);
    };
  });
  await other.getByTestId("start").click();
  await other.getByTestId("notice").getByText("This API key is not accepted").waitFor();
  assert.equal(await other.evaluate(() => window.asked), undefined);
});

test("with colours that the user chose, what is chosen is still told", async (t) => {
  const page = await rig.deskPage(t, { forcedColors: "active" });
  const style = (locator, property) => locator.evaluate((el, property) => getComputedStyle(el)[property], property);
  const chosen = page.locator(".section[aria-current]");
  await chosen.waitFor(patience);
  assert.notEqual(await style(chosen, "outlineStyle"), "none");
  assert.equal(await style(page.locator(".section:not([aria-current])").first(), "outlineStyle"), "none");
  const [here, elsewhere] = [page.locator(".nav a[aria-current]"), page.locator(".nav a:not([aria-current])").first()];
  assert.notEqual(await style(here, "borderBottomColor"), await style(elsewhere, "borderBottomColor"));
  const segment = page.locator(".choice input:checked + span");
  assert.notEqual(await style(segment, "outlineStyle"), "none");
});
