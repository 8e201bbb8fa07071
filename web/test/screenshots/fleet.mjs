// The fleet page: a small hotel's line, with three calls and one that has ended, while an operator reads along.

const say = (text) => `Say "${text}"`;

export async function fleet({ page, callers, open, shoot, application }) {
  const calls = [
    ["harbour-hotel-0", { team: "reception", language: "en" }],
    ["harbour-hotel-1", { team: "reception", language: "en" }],
    ["harbour-hotel-2", { team: "reception", language: "de" }],
    ["harbour-hotel-3", { team: "concierge", language: "en" }],
  ];
  for (const [id, labels] of calls) await call(id, labels);
  await answer("harbour-hotel-0", "Is the pool open?", "It is, until nine in the evening.");
  await application("DELETE", "/realtime/sessions/harbour-hotel-0");
  await answer("harbour-hotel-3", "Good morning! Can I still get breakfast?", "Good morning! Breakfast is served until half past ten, on the terrace when it is warm.");
  await answer(
    "harbour-hotel-3",
    "Lovely. And is there a later ferry than the one at two?",
    "There is one at a quarter to four, and a last one at six. Shall I hold two seats for you?",
  );
  await answer("harbour-hotel-2", "Wo kann ich parken?", "Im Hof hinter dem Haus.");
  await application("POST", "/realtime/broadcasts", { instructions: "The last ferry today leaves at five." });

  await open("/fleet#/sessions/harbour-hotel-3");
  await page.getByTestId("phase").getByText("Live").waitFor();
  await page.getByTestId("conversation").getByText("hold two seats").waitFor();
  await application("PATCH", "/realtime/sessions/harbour-hotel-3", {
    instructions: say(
      "I am sorry, I have just heard that the last ferry leaves at five today. The one at a quarter to four goes as planned, and I can hold two seats on it. Shall I have your luggage brought down to the harbour by three, so that you have the rest of the day for the island?",
    ),
  });
  await application("POST", "/realtime/sessions/harbour-hotel-3/message", { text: "We would rather take the one at six." });
  await page.getByTestId("conversation").getByText("goes as planned").waitFor();
  await shoot("session");
  await application("POST", "/realtime/sessions/harbour-hotel-3/notes", { text: "Asks for a late ferry: call the harbour office." });
  for (const [part, seen] of parts) {
    await open(`/fleet#/sessions/harbour-hotel-3?show=${part}`);
    await page.getByTestId(part).getByText(seen).first().waitFor();
    await shoot(`session-${part}`);
  }

  await open("/fleet#/sessions");
  await page.locator('[data-id="harbour-hotel-3"]').waitFor();
  await shoot("sessions");
  for (const [section, seen] of sections) {
    await open(`/fleet#/${section}`);
    await page.getByTestId("phase").getByText("Live").waitFor();
    await page.getByText(seen).first().waitFor();
    await shoot(section);
  }
  await open("/docs");
  await page.getByText("/realtime/sessions").first().waitFor();
  await shoot("api");

  async function call(session_id, labels) {
    const config = { instructions: "You are the voice of a small hotel by the harbour." };
    const { relay_url, client_secret } = await application("POST", "/realtime/sessions", { session_id, labels, config });
    await callers.evaluate(([url, token]) => void new WebSocket(url, ["realtime", `openai-insecure-api-key.${token}`]), [relay_url, client_secret.value]);
  }

  async function answer(id, question, text) {
    await application("PATCH", `/realtime/sessions/${id}`, { instructions: say(text) });
    await application("POST", `/realtime/sessions/${id}/message`, { text: question });
    for (let done = false; !done; ) {
      const { items } = await application("GET", `/realtime/sessions/${id}/items`);
      done = items.at(-1).role === "assistant" && items.at(-1).status === "completed";
    }
  }
}

/** Sections of the page, and a text that each shows when it is drawn. */
const sections = [
  ["overview", "Live sessions"],
  ["broadcasts", "leaves at five"],
  ["nodes", "Redis"],
  ["audit", "create-session"],
  ["keys", "API keys"],
  ["settings", "Policies"],
];

/** Parts of a session's page, and a text that each shows when it is drawn. */
const parts = [
  ["timeline", "operator"],
  ["events", "response.done"],
  ["instructions", "leaves at five"],
  ["notes", "harbour office"],
];
