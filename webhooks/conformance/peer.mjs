// Signs and checks deliveries with other projects' libraries: one JSON question a line, one JSON answer a line.
//   {op: "sign", lib, secret, id, timestamp, body}  ->  {signature}
//   {op: "verify", lib, secret, headers, body}      ->  {ok, error?}
import { createInterface } from 'node:readline'
import { webcrypto as crypto } from 'node:crypto'
import OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'

globalThis.crypto ??= crypto

const openai = (secret) => new OpenAI({ apiKey: 'sk-none', webhookSecret: secret })

// npm openai only checks signatures. What is sent in its name is made with WebCrypto as its documentation says and
// must pass its own check before it leaves.
async function signLikeOpenAI({ secret, id, timestamp, body }) {
  const raw = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const mac = await crypto.subtle.sign('HMAC', key, Buffer.from(`${id}.${timestamp}.${body}`))
  const signature = `v1,${Buffer.from(mac).toString('base64')}`
  const headers = { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signature }
  await openai(secret).webhooks.verifySignature(body, headers)
  return signature
}

const libraries = {
  standardwebhooks: {
    sign: ({ secret, id, timestamp, body }) => new Webhook(secret).sign(id, new Date(timestamp * 1000), body),
    verify: ({ secret, headers, body }) => new Webhook(secret).verify(body, headers),
  },
  openai: {
    sign: signLikeOpenAI,
    verify: ({ secret, headers, body }) => openai(secret).webhooks.unwrap(body, headers),
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line)
  const { sign, verify } = libraries[question.lib]
  let answer
  try {
    if (question.op === 'sign') answer = { signature: await sign(question) }
    else answer = { ok: Boolean(await verify(question)) }
  } catch (e) {
    answer = { ok: false, error: String(e.message ?? e) }
  }
  console.log(JSON.stringify(answer))
}
