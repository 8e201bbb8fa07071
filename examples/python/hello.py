#!/usr/bin/env python3
"""A plain WebSocket client: open a session over REST, attach to it, say something, print the answer."""

import asyncio
import json
import os
import urllib.request

import websockets

GATEWAY = os.environ.get("GATEWAY", "http://127.0.0.1:8080")
KEY = os.environ["KEY"]


def open_session():
    request = urllib.request.Request(
        f"{GATEWAY}/realtime/sessions",
        data=json.dumps({"config": {"instructions": "Be brief."}}).encode(),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


async def main():
    session = open_session()
    token = session["client_secret"]["value"]
    subprotocols = ["realtime", f"openai-insecure-api-key.{token}"]
    async with websockets.connect(session["relay_url"], subprotocols=subprotocols, max_size=None) as socket:
        content = [{"type": "input_text", "text": "Say hello."}]
        item = {"type": "message", "role": "user", "content": content}
        await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
        await socket.send(json.dumps({"type": "response.create"}))
        async for message in socket:
            event = json.loads(message)
            if event["type"] == "error":
                raise SystemExit(event["error"]["message"])
            if event["type"] == "response.output_audio_transcript.done":
                print(event["transcript"])
            if event["type"] == "response.done":
                break


asyncio.run(main())
