// The official engine.io-client against the bare Engine.IO server of the `conformance` example.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Socket } from "engine.io-client";
import { TRANSPORTS } from "./support/official.mjs";
import { startConformance } from "./support/program.mjs";
import { Inbox, once, pause } from "./support/wait.mjs";

let server;
const opened = [];

before(async () => {
  server = await startConformance();
});
after(() => server?.kill());
afterEach(() => {
  for (const socket of opened.splice(0)) socket.close();
});

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  describe(`${name}:`, () => {
    /** An open socket, upgraded if it is to be, whose messages are kept in `inbox`. */
    async function open(options) {
      const socket = new Socket(server.url, { path: "/engine.io", transports, ...options });
      opened.push(socket);
      socket.inbox = new Inbox();
      socket.on("message", (data) => socket.inbox.push(data));
      const upgraded = transports.length > 1 ? once(socket, "upgrade") : null;
      await once(socket, "open");
      await upgraded;
      return socket;
    }

    test("the client opens, over the transport it should", async () => {
      const socket = await open();
      assert.match(socket.id, /^[A-Za-z0-9_-]{20}$/);
      assert.equal(socket.transport.name, transports.at(-1));
    });

    test("text and bytes come back in order", async () => {
      const socket = await open();
      const messages = ["äöü € 🦀", Buffer.from([0, 255]), Buffer.alloc(0), "x".repeat(100_000), Buffer.alloc(300_000, 7)];
      for (const message of messages) socket.send(message);
      assert.deepEqual(await socket.inbox.takeMany(messages.length), messages);
    });

    test("messages sent before the end of the upgrade all arrive once and in order", async () => {
      const socket = new Socket(server.url, { path: "/engine.io", transports });
      opened.push(socket);
      const inbox = new Inbox();
      socket.on("message", (data) => inbox.push(data));
      const numbers = Array.from({ length: 200 }, (_, i) => `${i}`);
      // Some are waiting when the connection opens, others are sent while it is upgraded.
      for (const number of numbers.slice(0, 50)) socket.send(number);
      await once(socket, "open");
      for (const number of numbers.slice(50)) {
        socket.send(number);
        if (number % 10 === 0) await pause(0);
      }
      assert.deepEqual(await inbox.takeMany(numbers.length), numbers);
    });

    test("messages that together pass the limit of a body are split by the client", async () => {
      const socket = await open();
      const messages = ["a", "b", "c", "d"].map((letter) => letter.repeat(600_000));
      for (const message of messages) socket.send(message);
      assert.deepEqual(await socket.inbox.takeMany(messages.length), messages);
    });

    test("the heartbeat keeps an idle connection", async () => {
      const socket = await open();
      // Three times as long as a silent session lives; nothing to wait for but time itself.
      await pause(1500);
      socket.send("alive");
      assert.equal(await socket.inbox.take(), "alive");
    });

    test("a message over the limit ends the connection", async () => {
      const socket = await open();
      const closed = once(socket, "close");
      socket.send("x".repeat(1_000_001));
      const [reason] = await closed;
      assert.match(reason, /^transport (close|error)$/);
    });
  });
}
