// OpenAI's own SDK; only base URL and key are the gateway's. It speaks wss only, so the gateway needs
// a certificate: docs/configuration.md, "Behind a proxy". NODE_EXTRA_CA_CERTS=cert.pem KEY=… node hello.mjs
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const { GATEWAY = "https://localhost:8443", KEY } = process.env;
const client = new OpenAI({ apiKey: KEY, baseURL: `${GATEWAY}/v1` });
const rt = new OpenAIRealtimeWS({ model: "gpt-realtime-2.1" }, client);
rt.on("session.created", () => {
  rt.send({
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_text", text: "Say hello." }] },
  });
  rt.send({ type: "response.create" });
});
rt.on("response.output_audio_transcript.done", (event) => console.log(event.transcript));
rt.on("response.done", () => rt.close());
