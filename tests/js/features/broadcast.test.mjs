// Broadcasts with acknowledgements, answered by the official client.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { TRANSPORTS, connect, disconnectAll } from "../support/official.mjs";
import { startFeature } from "../support/program.mjs";

let server;

before(async () => {
  server = await startFeature("broadcast");
});
after(() => server?.kill());
afterEach(disconnectAll);

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  describe(`a broadcast with acknowledgements, ${name}:`, () => {
    async function member(answer) {
      const socket = await connect(server.url, { transports });
      assert.equal(await socket.emitWithAck("join", "room"), true);
      socket.on("question", (question, ack) => answer?.(question, ack));
      return socket;
    }

    test("gathers the answers of a room", async () => {
      const asker = await member((question, ack) => ack(`${question} 1`));
      await member((question, ack) => ack(`${question} 2`));
      assert.deepEqual(await asker.emitWithAck("ask", "room", "who?", 5000), ["who? 1", "who? 2"]);
    });

    test("tells how many have not answered in time, with the answers of the others", async () => {
      const asker = await member((question, ack) => ack(question));
      await member();
      const [answers, missing] = await new Promise((resolve) => {
        asker.emit("ask", "room", "who?", 200, (...args) => resolve(args));
      });
      assert.deepEqual([answers, missing], [["who?"], 1]);
    });

    test("of nobody is answered at once", async () => {
      const asker = await connect(server.url, { transports });
      assert.deepEqual(await asker.emitWithAck("ask", "nowhere", "who?", 60_000), []);
    });
  });
}
