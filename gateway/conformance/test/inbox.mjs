/** How long anything may take; only a broken test waits for it. */
export const PATIENCE_MS = 60_000;

/** Events as they came, read one after the other by whoever waits for them. */
export class Inbox {
  #events = [];
  #read = 0;
  #wake = () => {};

  push(event) {
    this.#events.push(event);
    this.#wake();
  }

  /** The next event of this type; those before it count as read. */
  async until(type, accept = () => true) {
    const { promise: late, stop } = deadline(() => `no ${type}; there were ${this.#events.map((e) => e.type).join(' ')}`);
    try {
      for (;;) {
        while (this.#read < this.#events.length) {
          const event = this.#events[this.#read++];
          if (event.type === type && accept(event)) return event;
        }
        await Promise.race([late, new Promise((wake) => (this.#wake = wake))]);
      }
    } finally {
      stop();
    }
  }

  /** All that have come of this type. */
  all(type) {
    return this.#events.filter((e) => e.type === type);
  }
}

/** A promise that fails after PATIENCE_MS, and what calls that off. */
function deadline(why) {
  let timer;
  const promise = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(why())), PATIENCE_MS);
  });
  promise.catch(() => {}); // it may fail when nobody waits any more
  return { promise, stop: () => clearTimeout(timer) };
}

/** The first emission of an event of an emitter, as its arguments. */
export function once(emitter, name) {
  const { promise: late, stop } = deadline(() => `no ${name}`);
  const came = new Promise((resolve) => emitter.on(name, (...args) => resolve(args)));
  return Promise.race([came, late]).finally(stop);
}
