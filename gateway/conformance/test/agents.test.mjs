// The Agents SDK: a RealtimeSession over its own WebSocket transport.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { z } from 'zod';
import { key, model, url } from './gateway.mjs';
import { Inbox, once } from './inbox.mjs';
import { speech } from './speech.mjs';

const address = `${url.replace('https', 'wss')}/v1/realtime?model=${model}`;

const weather = tool({
  name: 'weather',
  description: 'The weather of a city',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `rain in ${city}`,
});

/** Opens a session, hands it to story, and closes it. */
const session = (story) => async () => {
  const agent = new RealtimeAgent({ name: 'Clerk', instructions: 'Be brief.', tools: [weather] });
  const live = new RealtimeSession(agent, { transport: 'websocket', model });
  const inbox = new Inbox();
  const failures = [];
  live.on('transport_event', (event) => inbox.push(event));
  live.on('error', ({ error }) => failures.push(error));
  await live.connect({ apiKey: key, url: address });
  try {
    await inbox.until('session.updated');
    await story(live, inbox, failures);
  } finally {
    live.close();
  }
};

const speak = (live) => {
  for (const chunk of speech()) live.sendAudio(chunk.buffer.slice(chunk.byteOffset, chunk.byteOffset + chunk.length));
};

const flawless = (story) =>
  session(async (live, inbox, failures) => {
    await story(live, inbox);
    assert.deepEqual(failures, []);
  });

test('a text turn', flawless(async (live, inbox) => {
  const end = once(live, 'agent_end');
  live.sendMessage('Hello there');
  assert.equal((await inbox.until('response.done')).response.status, 'completed');
  const [, , output] = await end;
  assert.equal(output, 'You said: Hello there');
}));

test('an audio turn', flawless(async (live, inbox) => {
  const sound = once(live, 'audio');
  speak(live);
  await inbox.until('input_audio_buffer.committed');
  const [{ data }] = await sound;
  assert.ok(data.byteLength > 0);
  assert.equal((await inbox.until('response.done')).response.status, 'completed');
  assert.deepEqual(live.history.map(({ role }) => role), ['user', 'assistant']);
}));

test('a tool call', flawless(async (live, inbox) => {
  const used = once(live, 'agent_tool_end');
  live.sendMessage('Call weather {"city":"Ghent"}');
  const [, , , result] = await used;
  assert.equal(result, 'rain in Ghent');
  const { transcript } = await inbox.until('response.output_audio_transcript.done');
  assert.equal(transcript, 'The weather tool says: rain in Ghent');
}));

test('an interruption', flawless(async (live, inbox) => {
  const interrupted = once(live, 'audio_interrupted');
  live.sendMessage('Count to 999');
  const { response_id } = await inbox.until('response.output_audio.delta');
  speak(live);
  await interrupted;
  const { response } = await inbox.until('response.done', (e) => e.response.id === response_id);
  assert.equal(response.status, 'cancelled');
  if (inbox.all('conversation.item.truncated').length === 0) await inbox.until('conversation.item.truncated');
  await inbox.until('response.done');
}));

test('an error, and the session goes on', session(async (live, inbox, failures) => {
  live.transport.sendEvent({ type: 'session.update', event_id: 'bad_1', session: { type: 'realtime', volume: 11 } });
  assert.equal((await inbox.until('error')).error.code, 'unknown_parameter');
  live.sendMessage('Hello there');
  assert.equal((await inbox.until('response.done')).response.status, 'completed');
  assert.equal(failures.length, 1);
}));

test('a wrong key', async () => {
  const live = new RealtimeSession(new RealtimeAgent({ name: 'Clerk' }), { transport: 'websocket', model });
  const failed = once(live, 'error');
  const gone = new Promise((resolve) => {
    live.transport.on('connection_change', (status) => status === 'disconnected' && resolve());
  });
  await live.connect({ apiKey: 'sk-wrong', url: address });
  const [{ error }] = await failed;
  assert.equal(error.error.code, 'invalid_api_key');
  await gone;
});
