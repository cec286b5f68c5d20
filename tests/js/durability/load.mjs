// Writers that send chat messages without a pause, and the proof that what they were told is what is stored.

import assert from "node:assert/strict";
import { pause, until } from "../support/wait.mjs";
import { Upgrades } from "./upgrades.mjs";

/** How long a writer waits for an answer before it sends the message again. */
const PATIENCE = 20_000;

/**
 * The transports of the sockets, in turn. None of them upgrades, as a client whose server dies between the probe and the
 * upgrade would keep still for long; those that do are in `upgrades.mjs`.
 */
const TRANSPORTS = [["websocket"], ["polling"]];

/** The pause after a failure. */
const RETRY_PAUSE = 25;

/**
 * A room, people who write into it by sockets, by HTTP and by sockets that upgrade, and one who listens.
 *
 * A writer has one message under way at a time and sends it again, with the same client id, until it is acknowledged.
 */
export class Load {
  /** All messages that were begun: text, client id, when it was first sent, when it was acknowledged, and its id. */
  messages = [];
  acknowledged = 0;
  /** Acknowledgements of messages that had been stored before, by a try that was not answered. */
  repeats = 0;
  /** How often each failure was told. */
  failures = new Map();
  /** Connections that broke, or were refused, under a request. */
  broken = 0;
  /** The longest time in milliseconds between a request and what became of it. */
  longest = 0;
  /** The ids of the messages that the listener was sent. */
  live = [];
  upgrades = new Upgrades();
  #clock = 0;
  #stopping = false;
  #abandoned = false;
  #writers = [];

  static async begin(roomcast, { sockets = 6, posters = 2, upgraders = 0 } = {}) {
    const load = new Load();
    load.roomcast = roomcast;
    load.host = await roomcast.user("Host");
    load.roomCode = await load.host.createRoom("Lobby");
    await load.host.joinRoom(load.roomCode);
    load.listener = await load.host.online({ transports: ["websocket"] });
    load.listener.on("MSG_TO_CLIENTS", ({ id, sender }) => {
      if (sender !== "server") load.live.push(id);
    });
    const ways = [...Array(sockets).fill("socket"), ...Array(posters).fill("HTTP"), ...Array(upgraders).fill("upgrade")];
    const people = await Promise.all(ways.map((way, i) => load.#member(`${way} ${i}`)));
    load.sockets = await Promise.all(people.slice(0, sockets).map((user, i) => user.online({ transports: TRANSPORTS[i % 2] })));
    const way = {
      socket: (_, i) => bySocket(load.sockets[i]),
      HTTP: byHttp,
      upgrade: (user) => load.upgrades.by(user),
    };
    load.#writers = people.map((user, i) => load.#write(user, way[ways[i]](user, i)));
    return load;
  }

  /** Waits until so many more messages have been acknowledged. */
  async more(count, timeout = 30_000) {
    const mark = this.acknowledged + count;
    await until(`${count} more acknowledgements`, () => this.acknowledged >= mark, { timeout });
  }

  /** Lets every writer bring its present message to an end. */
  async stop() {
    this.#stopping = true;
    await Promise.all(this.#writers);
  }

  /** Ends the writers wherever they are: a test that fails must not leave them behind. */
  abandon() {
    this.#stopping = this.#abandoned = true;
  }

  /** Shows that the stored history is what was acknowledged: each message once, in order. Call it after `stop`. */
  async verify() {
    const history = await this.host.wholeHistory(this.roomCode);
    const stored = history.map(({ msg }) => msg);
    assert.equal(new Set(stored).size, stored.length, "no message is stored twice");
    assert.equal(this.acknowledged, this.messages.length, "every message was acknowledged in the end");
    const byText = new Map(this.messages.map((message) => [message.msg, message]));
    assert.deepEqual(new Set(stored), new Set(byText.keys()), "what is stored is what was sent, and nothing is lost");
    let latest = { begun: -1 };
    for (const [i, { id, msg }] of history.entries()) {
      const message = byText.get(msg);
      assert.equal(message.id, id, `"${msg}" was acknowledged with the id that it is stored with`);
      assert.ok(i === 0 || history[i - 1].id < id, "the ids grow");
      // What was acknowledged before another message was first sent stands before it.
      assert.ok(message.ended > latest.begun, `"${msg}" was acknowledged before "${latest.msg}" was sent, and stands behind it`);
      if (message.begun > latest.begun) latest = message;
    }
    assert.equal(new Set(this.live).size, this.live.length, "no message was told twice");
    const ids = new Set(history.map(({ id }) => id));
    assert.ok(this.live.every((id) => ids.has(id)), "what was told is stored");
    return history;
  }

  /** What happened, in a line. */
  get figures() {
    const told = [...this.failures].map(([text, count]) => `${count} × "${text}"`);
    return [
      `${this.messages.length} messages, ${this.acknowledged} acknowledged`,
      `${this.repeats} of them by a repetition of one that was stored already`,
      `${this.broken} requests without an answer`,
      `the longest took ${Math.round(this.longest)} ms`,
      ...told,
    ].join("; ");
  }

  async #member(name) {
    const user = await this.roomcast.user(name);
    await user.joinRoom(this.roomCode);
    return user;
  }

  async #write(user, send) {
    for (let number = 0; !this.#stopping; number++) {
      const message = { msg: `${user.name}: message ${number}`, begun: this.#clock++ };
      this.messages.push(message);
      const body = { roomCode: this.roomCode, msg: message.msg, clientId: `${user.name}, ${number}` };
      let answer;
      while (!(answer = await this.#attempt(send, body))) {
        if (this.#abandoned) return;
        await pause(RETRY_PAUSE);
      }
      Object.assign(message, { id: answer.message.id, ended: this.#clock++ });
      this.acknowledged++;
      if (answer.duplicate) this.repeats++;
    }
  }

  /** One try; the answer's result, or nothing if the message must be sent again. */
  async #attempt(send, body) {
    const start = performance.now();
    try {
      const answer = await send(body);
      if (answer.success) return answer.result;
      this.failures.set(answer.errorMessage, (this.failures.get(answer.errorMessage) ?? 0) + 1);
    } catch {
      this.broken++;
    } finally {
      this.longest = Math.max(this.longest, performance.now() - start);
    }
    return null;
  }
}

function bySocket(socket) {
  return (body) => socket.timeout(PATIENCE).emitWithAck("chat:message", body);
}

function byHttp(user) {
  return async (body) => {
    const { status, json } = await user.post("/chat/message", body);
    assert.equal(json.success, status === 200, `${status} ${JSON.stringify(json)}`);
    return json;
  };
}
