// A TCP proxy that cuts connections at random points, in the ways in which networks do.

import net from "node:net";
import { reset } from "./tcp.mjs";

/** A generator of random numbers that begins with a seed, so that a failure can be tried again (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    /** A whole number below `limit`. */
    below: (limit) => Math.floor(next() * limit),
    /** One of the items. */
    of: (items) => items[Math.floor(next() * items.length)],
  };
}

/** The ways to lose a connection: an orderly end, a reset, a pause and then a reset, and silence. */
export const CUTS = ["close", "reset", "stall", "black hole"];

// How long a silent connection looks alive to the server after the client has given it up.
const SILENCE = 2000;

/** Closes a socket at once. */
const destroy = (socket) => socket.destroy();

/** A proxy to `port` of this machine. A cut that is armed happens when so many more bytes have passed one way. */
export class CuttingProxy {
  #server;
  #pairs = new Set();
  #armed = null;
  #timers = new Set();

  static async start(port) {
    const proxy = new CuttingProxy();
    proxy.#server = net.createServer({ noDelay: true, allowHalfOpen: true }, (client) => proxy.#accept(client, port));
    await new Promise((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /**
   * Cuts the connection that carries the byte number `bytes` from now on, in the direction "up" (to the server) or
   * "down". If that has not happened after `patience` milliseconds, all connections are cut. Resolves with the number
   * of connections that were cut.
   */
  cut({ how, direction, bytes, patience }) {
    return new Promise((resolve) => {
      const armed = { how, direction, bytes, resolve };
      this.#armed = armed;
      this.#later(patience, () => {
        if (this.#armed === armed) this.#strike([...this.#pairs]);
      });
    });
  }

  /** Ends everything. */
  close() {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const pair of this.#pairs) this.#end(pair, destroy);
    this.#server.close();
  }

  #later(ms, action) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    this.#timers.add(timer);
  }

  #accept(client, port) {
    const server = net.connect({ host: "127.0.0.1", port, noDelay: true, allowHalfOpen: true });
    const pair = { client, server, silent: false };
    this.#pairs.add(pair);
    this.#forward(pair, client, server, "up");
    this.#forward(pair, server, client, "down");
    for (const side of [client, server]) {
      side.on("error", () => {});
      side.on("close", () => {
        // The other end of a silent connection learns of nothing.
        if (!pair.silent) this.#end(pair, destroy);
      });
    }
  }

  #forward(pair, from, to, direction) {
    from.on("data", (chunk) => {
      if (pair.silent) return;
      const armed = this.#armed;
      if (armed?.direction !== direction) {
        to.write(chunk);
      } else if (chunk.length <= armed.bytes) {
        armed.bytes -= chunk.length;
        to.write(chunk);
      } else {
        // The part before the cut is still delivered.
        to.write(chunk.subarray(0, armed.bytes));
        this.#strike(armed.how === "black hole" ? [...this.#pairs] : [pair]);
      }
    });
    from.on("end", () => {
      if (!pair.silent) to.end();
    });
  }

  #strike(pairs) {
    const { how, resolve } = this.#armed;
    this.#armed = null;
    for (const pair of pairs) this.#lose(pair, how);
    resolve(pairs.length);
  }

  #lose(pair, how) {
    if (how === "close") {
      pair.silent = true;
      for (const side of [pair.client, pair.server]) side.end();
      this.#later(100, () => this.#end(pair, destroy));
      return;
    }
    if (how === "reset") return this.#end(pair, reset);
    pair.silent = true;
    this.#later(how === "stall" ? 50 : SILENCE, () => this.#end(pair, reset));
  }

  #end(pair, how) {
    this.#pairs.delete(pair);
    for (const side of [pair.client, pair.server]) how(side);
  }
}
