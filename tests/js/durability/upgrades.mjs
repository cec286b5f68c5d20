// Clients that are between polling and WebSocket nearly all the time.

import { EventEmitter, once } from "node:events";
import { within } from "../support/wait.mjs";

/**
 * How long such a client waits before it begins anew: an official client whose server dies between the probe and the
 * upgrade neither polls nor notices before its ping is overdue.
 */
const PATIENCE = 2000;
/** How long the server may be without a client that comes to a point of its upgrade. */
const POINT_WITHIN = 20_000;

/** At what points of its upgrade a client sends; what is sent at "upgrading" waits in the client until it is done. */
const POINTS = ["open", "upgrading", "upgrade"];

/** The clients that upgrade, and what they are at. */
export class Upgrades {
  #engines = new Set();
  #points = new EventEmitter();

  /** A way to send messages, each by a connection of its own that begins by polling. */
  by(user) {
    let turn = 0;
    return (body) => this.#send(user, POINTS[turn++ % POINTS.length], body);
  }

  /** Resolves when a client comes to this point of its upgrade. */
  async reach(point) {
    await within(POINT_WITHIN, `a client at "${point}"`, once(this.#points, point));
  }

  /** How many clients have the answer to their probe and do not use the WebSocket yet. */
  get underway() {
    return [...this.#engines].filter(({ upgrading }) => upgrading).length;
  }

  async #send(user, point, body) {
    const socket = user.socket({ transports: ["polling", "websocket"], reconnection: false });
    const { engine } = socket.io;
    this.#engines.add(engine);
    for (const each of POINTS) engine.on(each, () => this.#points.emit(each));
    const broken = new Promise((_, reject) => {
      socket.on("connect_error", reject);
      socket.on("disconnect", (reason) => reject(new Error(reason)));
    });
    const answered = once(engine, point).then(() => socket.emitWithAck("chat:message", body));
    try {
      return await within(PATIENCE, "an answer", Promise.race([answered, broken]));
    } finally {
      this.#engines.delete(engine);
      socket.disconnect();
    }
  }
}
