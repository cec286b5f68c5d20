// Messages that are sent with a client id until they are acknowledged, as a client must that wants exactly-once.

import { pause } from "./wait.mjs";

/** Sends `msg` again and again until it is acknowledged; resolves with the stored message's id. */
export async function sendUntilAcknowledged(socket, roomCode, msg) {
  for (let attempt = 0; attempt < 400; attempt++) {
    try {
      const answer = await socket.timeout(500).emitWithAck("chat:message", { roomCode, msg, clientId: `id of ${msg}` });
      if (answer.success) return answer.result.message.id;
    } catch {
      // Not acknowledged: the message may or may not be stored, so the same client id is sent again.
    }
    await pause(25);
  }
  throw new Error(`"${msg}" was never acknowledged`);
}

/** Sends numbered messages from each socket, one after the other, until it is told to stop. */
export class Senders {
  #stopped = false;
  #all;
  acknowledged = new Map();

  constructor(sockets, roomCode) {
    this.#all = sockets.map((socket, number) => this.#send(socket, number, roomCode));
    // A failure is reported by `stop`.
    for (const sending of this.#all) sending.catch(() => {});
  }

  async #send(socket, number, roomCode) {
    for (let i = 0; !this.#stopped; i++) {
      const msg = `message ${i} of ${number}`;
      this.acknowledged.set(msg, await sendUntilAcknowledged(socket, roomCode, msg));
      await pause(5);
    }
  }

  /** Resolves with the texts and ids of all messages when the last one has been acknowledged. */
  async stop() {
    this.#stopped = true;
    await Promise.all(this.#all);
    return this.acknowledged;
  }
}
