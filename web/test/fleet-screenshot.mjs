// Writes docs/fleet-page.png: an operator reads along in one of the demo's sessions.

import { takePicture } from "./picture.mjs";

const say = (text) => `Say "${text}"`;

await takePicture("fleet-page.png", "/fleet", async (page, application) => {
  await open("harbour-hotel-1", { team: "reception", language: "en" });
  await open("harbour-hotel-2", { team: "reception", language: "de" });
  await open("harbour-hotel-3", { team: "concierge", language: "en" });

  await answer("harbour-hotel-3", "Good morning! Can I still get breakfast?", "Good morning! Breakfast is served until half past ten, on the terrace when it is warm.");
  await answer(
    "harbour-hotel-3",
    "Lovely. And is there a later ferry than the one at two?",
    "There is one at a quarter to four, and a last one at six. Shall I hold two seats for you?",
  );
  await answer("harbour-hotel-2", "Wo kann ich parken?", "Im Hof hinter dem Haus.");
  await application("POST", "/realtime/broadcasts", { instructions: "The last ferry today leaves at five." });

  await page.locator('[data-id="harbour-hotel-3"] a').click();
  await page.getByText("1 client attached").waitFor();
  await application("PATCH", "/realtime/sessions/harbour-hotel-3", {
    instructions: say(
      "I am sorry, I have just heard that the last ferry leaves at five today. The one at a quarter to four goes as planned, and I can hold two seats on it. Shall I have your luggage brought down to the harbour by three, so that you have the rest of the day for the island?",
    ),
  });
  await application("POST", "/realtime/sessions/harbour-hotel-3/message", { text: "We would rather take the one at six." });
  await page.getByTestId("conversation").getByText("goes as planned").waitFor();
  await page.getByText("Answering").waitFor();

  async function open(session_id, labels) {
    const config = { instructions: "You are the voice of a small hotel by the harbour." };
    const { relay_url, client_secret } = await application("POST", "/realtime/sessions", { session_id, labels, config });
    await page.evaluate(([url, token]) => void new WebSocket(url, ["realtime", `openai-insecure-api-key.${token}`]), [relay_url, client_secret.value]);
  }

  async function answer(id, question, text) {
    await application("PATCH", `/realtime/sessions/${id}`, { instructions: say(text) });
    await application("POST", `/realtime/sessions/${id}/message`, { text: question });
    for (let done = false; !done; ) {
      const { items } = await application("GET", `/realtime/sessions/${id}/items`);
      done = items.at(-1).role === "assistant" && items.at(-1).status === "completed";
    }
  }
});
