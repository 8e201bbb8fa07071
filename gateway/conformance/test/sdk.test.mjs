// The official SDK: its class for servers, by API key, and its class for browsers, by ephemeral key.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import OpenAI from 'openai';
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { key, model, url } from './gateway.mjs';
import { Inbox, once } from './inbox.mjs';
import { speech } from './speech.mjs';

const baseURL = `${url}/v1`;

const classes = {
  OpenAIRealtimeWS: {
    key: async () => key,
    open: (apiKey) => new OpenAIRealtimeWS({ model }, new OpenAI({ apiKey, baseURL })),
    closed: (rt) => once(rt.socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) })),
  },
  OpenAIRealtimeWebSocket: {
    key: async () => {
      const secret = await new OpenAI({ apiKey: key, baseURL }).realtime.clientSecrets.create({
        expires_after: { anchor: 'created_at', seconds: 60 },
        session: { type: 'realtime', model },
      });
      assert.match(secret.value, /^ek_/);
      return secret.value;
    },
    open: (apiKey) =>
      new OpenAIRealtimeWebSocket({ model, dangerouslyAllowBrowser: true }, new OpenAI({ apiKey, baseURL, dangerouslyAllowBrowser: true })),
    closed: (rt) =>
      new Promise((resolve) => rt.socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }))),
  },
};

const weather = {
  type: 'function',
  name: 'weather',
  description: 'The weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

for (const [name, kind] of Object.entries(classes)) {
  describe(name, () => {
    /** Opens a session, hands it to story, and closes it. */
    const session = (story) => async () => {
      const rt = kind.open(await kind.key());
      const inbox = new Inbox();
      const closed = kind.closed(rt);
      rt.on('event', (event) => inbox.push(event));
      rt.on('error', () => {}); // error events are in the inbox too
      await inbox.until('session.created');
      await story(rt, inbox);
      rt.close();
      assert.equal((await closed).code, 1000);
    };
    const say = (rt, text) =>
      rt.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } });
    const update = async (rt, inbox, changes) => {
      rt.send({ type: 'session.update', session: { type: 'realtime', ...changes } });
      return (await inbox.until('session.updated')).session;
    };
    const speak = (rt) => {
      for (const chunk of speech()) rt.send({ type: 'input_audio_buffer.append', audio: chunk.toString('base64') });
    };

    test('a text turn', session(async (rt, inbox) => {
      const effective = await update(rt, inbox, { output_modalities: ['text'], instructions: 'Be brief.' });
      assert.equal(effective.instructions, 'Be brief.');
      say(rt, 'Hello there');
      rt.send({ type: 'response.create' });
      assert.equal((await inbox.until('response.output_text.done')).text, 'You said: Hello there');
      const { response } = await inbox.until('response.done');
      assert.equal(response.status, 'completed');
      assert.ok(response.usage.total_tokens > 0);
    }));

    test('an audio turn', session(async (rt, inbox) => {
      await update(rt, inbox, { audio: { input: { transcription: { model: 'gpt-transcribe' } } } });
      speak(rt);
      await inbox.until('input_audio_buffer.speech_started');
      await inbox.until('input_audio_buffer.speech_stopped');
      const { item_id } = await inbox.until('input_audio_buffer.committed');
      const { response } = await inbox.until('response.done');
      assert.equal(response.status, 'completed');
      assert.match(inbox.all('response.output_audio_transcript.done')[0].transcript, /^I heard you speak for 1\.\d seconds\./);
      const bytes = inbox.all('response.output_audio.delta').reduce((n, { delta }) => n + Buffer.from(delta, 'base64').length, 0);
      assert.ok(bytes > 48_000, `${bytes} bytes of audio are less than a second`);
      const [heard] = inbox.all('conversation.item.input_audio_transcription.completed');
      assert.equal(heard.item_id, item_id);
    }));

    test('a tool call', session(async (rt, inbox) => {
      await update(rt, inbox, { tools: [weather], tool_choice: 'auto' });
      say(rt, 'Call weather {"city":"Ghent"}');
      rt.send({ type: 'response.create' });
      const call = await inbox.until('response.function_call_arguments.done');
      assert.deepEqual(JSON.parse(call.arguments), { city: 'Ghent' });
      const { response } = await inbox.until('response.done');
      assert.equal(response.output[0].name, 'weather');
      rt.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: call.call_id, output: '{"sky":"rain"}' } });
      rt.send({ type: 'response.create' });
      assert.match((await inbox.until('response.output_audio_transcript.done')).transcript, /weather tool says: \{"sky":"rain"\}/);
      assert.equal((await inbox.until('response.done')).response.status, 'completed');
    }));

    test('an interruption', session(async (rt, inbox) => {
      say(rt, 'Count to 999');
      rt.send({ type: 'response.create' });
      const { item_id, content_index, response_id } = await inbox.until('response.output_audio.delta');
      speak(rt);
      await inbox.until('input_audio_buffer.speech_started');
      const { response } = await inbox.until('response.done', (e) => e.response.id === response_id);
      assert.equal(response.status, 'cancelled');
      assert.equal(response.status_details.reason, 'turn_detected');
      rt.send({ type: 'conversation.item.truncate', item_id, content_index, audio_end_ms: 50 });
      assert.equal((await inbox.until('conversation.item.truncated')).audio_end_ms, 50);
      assert.equal((await inbox.until('response.done')).response.status, 'completed');
    }));

    test('an error, and the session goes on', session(async (rt, inbox) => {
      rt.send({ type: 'session.update', event_id: 'bad_1', session: { type: 'realtime', volume: 11 } });
      const { error } = await inbox.until('error');
      assert.equal(error.code, 'unknown_parameter');
      assert.equal(error.param, 'session.volume');
      assert.equal(error.event_id, 'bad_1');
      rt.send({ type: 'response.create', response: { output_modalities: ['text'] } });
      assert.equal((await inbox.until('response.done')).response.status, 'completed');
    }));

    test('a wrong key', async () => {
      const rt = kind.open('sk-wrong');
      const closed = kind.closed(rt);
      const [error] = await once(rt, 'error');
      assert.equal(error.error.code, 'invalid_api_key');
      assert.deepEqual(await closed, { code: 3000, reason: 'invalid_request_error.invalid_api_key' });
    });
  });
}
