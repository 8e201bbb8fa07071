import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Relay, type RelayEnd, RelayOver, type RelayState, type Ticket, unreachable } from "../../src/realtime/relay";

/** Stands in for the browser's WebSocket; the test plays the server. */
class Socket {
  static readonly OPEN = 1;
  static all: Socket[] = [];
  readyState = 0;
  bufferedAmount = 0;
  sent: string[] = [];
  onopen?: () => void;
  onmessage?: (event: { data: unknown }) => void;
  onclose?: (event: { code: number; reason: string }) => void;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    Socket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.readyState = 3;
  }

  accept(): void {
    this.readyState = Socket.OPEN;
    this.onopen?.();
  }

  lose(code: number, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

Object.assign(globalThis, { WebSocket: Socket, location: { href: "https://gateway.example/" } });
mock.timers.enable({ apis: ["setTimeout"] });

beforeEach(() => {
  Socket.all = [];
});

function newest(): Socket {
  return Socket.all.at(-1) as Socket;
}

/** Lets promises that are settled run on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

async function open(ticket: () => Promise<Ticket> = async () => ({ url: "/realtime/sessions/s1/relay", token: "ek_1" }), listens = false) {
  const states: string[] = [];
  const ends: RelayEnd[] = [];
  const events: string[] = [];
  const relay = new Relay({
    ticket,
    listens,
    onEvent: (event) => events.push(event.type),
    onState: (state: RelayState) => states.push(state.name),
    onEnd: (end) => ends.push(end),
  });
  relay.open();
  await settle();
  return { relay, states, ends, events };
}

test("it attaches with the token as a subprotocol, never in the address", async () => {
  await open();
  assert.equal(newest().url, "wss://gateway.example/realtime/sessions/s1/relay");
  assert.deepEqual(newest().protocols, ["realtime", "openai-insecure-api-key.ek_1"]);
});

test("after a lost connection it comes back and says what it saw last", async () => {
  const { states, events } = await open();
  newest().accept();
  newest().onmessage?.({ data: '{"type":"session.created","event_id":"event_7"}' });
  newest().onmessage?.({ data: "garbage" });
  newest().lose(1006);
  mock.timers.tick(1_000);
  await settle();
  assert.equal(Socket.all.length, 2);
  assert.equal(newest().url, "wss://gateway.example/realtime/sessions/s1/relay?last_event_id=event_7");
  newest().accept();
  assert.deepEqual(states, ["connecting", "open", "lost", "open"]);
  newest().onmessage?.({ data: '{"type":"session.created","event_id":"greeting"}' });
  newest().lose(1006);
  mock.timers.tick(1_000);
  await settle();
  assert.match(newest().url, /last_event_id=event_7$/, "the greeting comes before what was missed");
  assert.deepEqual(events, ["session.created", "session.created"]);
});

test("it acknowledges the last event, once a second and only while there are new ones", async () => {
  await open();
  newest().accept();
  const deliver = (id: string) => newest().onmessage?.({ data: `{"type":"x","event_id":"${id}"}` });
  deliver("e1");
  deliver("e2");
  mock.timers.tick(999);
  assert.deepEqual(newest().sent, []);
  mock.timers.tick(1);
  assert.deepEqual(newest().sent, ['{"type":"switchboard.ack","last_event_id":"e2"}']);
  mock.timers.tick(10_000);
  deliver("e3");
  newest().lose(1006);
  mock.timers.tick(10_000);
  await settle();
  assert.equal(Socket.all[0]?.sent.length, 1, "no connection, no acknowledgement");
});

for (const code of [1001, 1005, 1006, 1011, 1012, 1013]) {
  test(`close code ${code} is no end`, async () => {
    const { ends } = await open();
    newest().lose(code);
    mock.timers.tick(1_000);
    await settle();
    assert.equal(Socket.all.length, 2);
    assert.deepEqual(ends, []);
  });
}

for (const code of [1000, 1008, 3000, 4001]) {
  test(`close code ${code} is the end, with its reason`, async () => {
    const { ends } = await open();
    newest().lose(code, "limit max_seconds reached");
    mock.timers.tick(60_000);
    await settle();
    assert.equal(Socket.all.length, 1);
    assert.deepEqual(ends, [{ code, reason: "limit max_seconds reached" }]);
  });
}

test("a session that is gone is not asked for again", async () => {
  let asked = 0;
  const { ends } = await open(async () => {
    if (++asked > 1) throw new RelayOver({ code: 4404, reason: "not found" });
    return { url: "/relay", token: "t" };
  });
  newest().lose(1006);
  mock.timers.tick(1_000);
  await settle();
  assert.deepEqual(ends, [{ code: 4404, reason: "not found" }]);
});

test("it waits longer each time and gives up in the end", async () => {
  const { ends } = await open(async () => {
    throw new Error("away");
  });
  for (let i = 0; i < 10; i++) {
    assert.deepEqual(ends, []);
    mock.timers.tick(20_000);
    await settle();
  }
  assert.deepEqual(ends, [{ code: unreachable, reason: "" }]);
});

test("audio is left out when the connection is too slow for it, other events are not", async () => {
  const { relay } = await open();
  assert.equal(relay.send({ type: "response.create" }), false);
  newest().accept();
  newest().bufferedAmount = 1e6;
  assert.equal(relay.send({ type: "input_audio_buffer.append", audio: "AAAA" }), false);
  assert.equal(relay.send({ type: "response.create" }), true);
  assert.deepEqual(newest().sent, ['{"type":"response.create"}']);
});

test("closed by the page it stays closed", async () => {
  const { relay, ends } = await open();
  newest().accept();
  relay.close();
  newest().lose(1000);
  mock.timers.tick(60_000);
  await settle();
  assert.equal(Socket.all.length, 1);
  assert.deepEqual(ends, []);
});

test("one that only listens acknowledges nothing, and does not say what it saw when it connects again", async () => {
  await open(async () => ({ url: "/realtime/sessions/s1/listen", token: "sk-op" }), true);
  newest().accept();
  newest().onmessage?.({ data: '{"type":"session.created","event_id":"event_7"}' });
  mock.timers.tick(10_000);
  assert.deepEqual(newest().sent, []);
  newest().lose(1012, "the session moved to another node: listen again");
  mock.timers.tick(1_000);
  await settle();
  assert.equal(Socket.all.length, 2);
  assert.equal(newest().url, "wss://gateway.example/realtime/sessions/s1/listen");
});
