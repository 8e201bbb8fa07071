// The voice page: before a conversation, and in the middle of one with the demo, whose model has a tool.

const weather = {
  type: "function",
  name: "weather",
  description: "The weather of the next hours",
  parameters: { type: "object", properties: { city: { type: "string", enum: ["Graz"] }, hours: { type: "integer", enum: [6] } }, required: ["city", "hours"] },
};

/** How often conditions are looked at: the browser draws seldom when it draws in software. */
const often = { polling: 50 };

export async function voice({ page, open, shoot, application }) {
  await open("/");
  await page.getByTestId("start").waitFor();
  await shoot("voice-start");
  const fold = page.locator(".side-summary");
  if (await fold.isVisible()) await fold.click();
  await page
    .getByLabel("Instructions")
    .fill('Say "Good morning, and welcome! You have reached the concierge. I can look up trains, weather and opening hours for you, or just chat."');
  await page.getByTestId("start").click();
  await page.waitForFunction(() => window.switchboard.phase === "live");
  const session = `/realtime/sessions/${await page.evaluate(() => window.switchboard.sessionId)}`;

  await say("Good morning! Who am I talking to?");
  await page.waitForFunction(() => window.switchboard.player.played > 24_000 * 3.4, null, often);

  await application("PATCH", session, { instructions: "Call weather when you are asked about it.", tools: [weather] });
  await say("Wait, one thing first: will it rain in Graz this afternoon?");
  const call = await event("response.function_call_arguments.done");
  await application("POST", `${session}/function-result`, { call_id: call.call_id, output: "dry and sunny until six, light showers in the evening, 14 degrees" });
  await page.waitForFunction(() => window.switchboard.player.begun.length === 2 && window.switchboard.floor === "none", null, often);

  await application("PATCH", session, {
    instructions: 'Say "The 14:26 from the main station gets you there at 15:51, with one change and a window seat by the river. Shall I keep it for you?"',
    tools: [],
  });
  await say("Lovely. Which train gets me there by four?");
  await page.waitForFunction(() => window.switchboard.player.item === window.switchboard.player.begun[2] && window.switchboard.player.played > 24_000 * 3, null, often);
  await shoot("voice");

  async function say(text) {
    await page.getByLabel("Message").fill(text);
    await page.keyboard.press("Enter");
  }

  async function event(type) {
    const found = await page.waitForFunction((type) => window.switchboard.received.find((e) => e.type === type), type);
    return found.jsonValue();
  }
}
