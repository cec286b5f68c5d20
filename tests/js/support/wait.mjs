// Waiting for conditions. Tests never sleep for a fixed time where something can be awaited.

/** Turns a promise that takes longer than `ms` milliseconds into an error that names what was awaited. */
export async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    // The stack of the caller is what one needs to see, so the error is made before the wait.
    const error = new Error(`${what}: not within ${ms} ms`);
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `condition` again and again until it answers something true, and returns that. */
export async function until(what, condition, { timeout = 5000, every = 10 } = {}) {
  const end = performance.now() + timeout;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`${what}: not within ${timeout} ms`);
    await pause(every);
  }
}

/** Lets `ms` milliseconds pass: for spacing repeated attempts, and for showing that something does NOT happen. */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits for one event of an emitter and returns its arguments. */
export function once(emitter, event, timeout = 5000) {
  return within(
    timeout,
    `event "${event}"`,
    new Promise((resolve) => emitter.once(event, (...args) => resolve(args))),
  );
}

/** A queue that is filled by callbacks and emptied by awaiting tests. */
export class Inbox {
  #items = [];
  #waiting = [];
  #end = null;

  push(item) {
    const next = this.#waiting.shift();
    if (next) next.resolve(item);
    else this.#items.push(item);
  }

  /** Makes every present and later wait fail with `error`, once the queue is empty. */
  fail(error) {
    this.#end ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  get size() {
    return this.#items.length;
  }

  /** Takes the oldest item, waiting up to `timeout` ms for it. */
  async take(timeout = 5000, what = "next item") {
    if (this.#items.length > 0) return this.#items.shift();
    if (this.#end) throw this.#end;
    let entry;
    const item = new Promise((resolve, reject) => {
      entry = { resolve, reject };
      this.#waiting.push(entry);
    });
    try {
      return await within(timeout, what, item);
    } finally {
      const index = this.#waiting.indexOf(entry);
      if (index >= 0) this.#waiting.splice(index, 1);
    }
  }

  async takeMany(count, timeout = 5000) {
    const items = [];
    while (items.length < count) items.push(await this.take(timeout, `item ${items.length + 1} of ${count}`));
    return items;
  }
}
