// The application's back end: it keeps the API key, opens a session for each visitor and hands out
// the session's short-lived token. Start the gateway with SWITCHBOARD_ALLOWED_ORIGINS=http://localhost:3000.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";

const { GATEWAY = "http://127.0.0.1:8080", KEY, PORT = "3000" } = process.env;
const page = await readFile(path.join(import.meta.dirname, "index.html"));

const server = createServer(async (request, response) => {
  if (request.method !== "POST" || request.url !== "/session") {
    response.setHeader("Content-Type", "text/html; charset=utf-8").end(page);
    return;
  }
  const answer = await fetch(`${GATEWAY}/realtime/sessions`, {
    method: "POST",
    headers: { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" },
    body: JSON.stringify({ config: { instructions: "You are a friendly guide. Be brief.", voice: "marin" } }),
  });
  response.writeHead(answer.status, { "Content-Type": "application/json", "Cache-Control": "no-store" }).end(await answer.text());
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(`http://localhost:${server.address().port}`));
