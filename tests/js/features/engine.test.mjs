// A bare Engine.IO server and its official client: the `conformance` program sends back what it gets.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Socket } from "engine.io-client";
import { startConformance } from "../support/program.mjs";
import { Inbox, once } from "../support/wait.mjs";

let server;
const opened = [];

before(async () => {
  server = await startConformance();
});
after(() => server?.kill());
afterEach(() => opened.splice(0).forEach((socket) => socket.close()));

/** Connects, and keeps what comes in an inbox. */
async function connect(options) {
  const socket = new Socket(server.url, { path: "/engine.io/", ...options });
  opened.push(socket);
  socket.binaryType = "arraybuffer";
  const inbox = new Inbox();
  socket.on("message", (data) => inbox.push(typeof data === "string" ? data : [...new Uint8Array(data)]));
  await once(socket, "open");
  return { socket, inbox };
}

for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
  describe(`engine.io-client over ${transports.join(" and ")}`, () => {
    test("gets text and binary back in order", async () => {
      const { socket, inbox } = await connect({ transports });
      const sent = ["hello", [1, 2, 3], "€", [255]];
      for (const item of sent) socket.send(typeof item === "string" ? item : new Uint8Array(item));
      assert.deepEqual(await inbox.takeMany(sent.length), sent);
    });

    test("loses nothing of what is sent while it may be upgrading", async () => {
      const { socket, inbox } = await connect({ transports });
      const sent = Array.from({ length: 100 }, (_, number) => `message ${number}`);
      for (const text of sent) {
        socket.send(text);
        if (transports.length > 1 && text.endsWith("9")) await new Promise(setImmediate);
      }
      assert.deepEqual(await inbox.takeMany(sent.length), sent);
      if (transports.length > 1 && socket.transport.name !== "websocket") await once(socket, "upgrade");
    });

    test("splits what is together over the limit of a body, and each part arrives", async () => {
      const { socket, inbox } = await connect({ transports });
      const sent = ["a", "b", "c", "d"].map((letter) => letter.repeat(600_000));
      for (const text of sent) socket.send(text);
      assert.deepEqual(await inbox.takeMany(sent.length), sent);
    });

    test("is closed by a message over the limit", async () => {
      const { socket } = await connect({ transports });
      const closed = once(socket, "close");
      socket.send("x".repeat(1_000_001));
      const [reason] = await closed;
      assert.match(reason, /^transport (close|error)$/);
    });

    test("answers the server's pings", async () => {
      const { socket, inbox } = await connect({ transports });
      for (let count = 0; count < 3; count += 1) await once(socket, "heartbeat");
      socket.send("still here");
      assert.equal(await inbox.take(), "still here");
    });
  });
}

test("a client that was refused hears of an error", async () => {
  const socket = new Socket(server.url, { path: "/elsewhere/", transports: ["polling"] });
  const [error] = await once(socket, "error");
  assert.ok(error instanceof Error);
});
