// What a server knows of a client and sends to it, with the official client.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Polling, Wire } from "../support/engine-client.mjs";
import { TRANSPORTS, client, connect, disconnectAll, ready } from "../support/official.mjs";
import { startFeature } from "../support/program.mjs";
import { once, until } from "../support/wait.mjs";

let server;

before(async () => {
  server = await startFeature("sending");
});
after(() => server?.kill());
afterEach(disconnectAll);

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  describe(`${name}:`, () => {
    const open = (options) => connect(server.url, { transports, ...options });

    /** A socket and the list of the numbers it is sent. */
    async function counting(options) {
      const socket = await open(options);
      const numbers = [];
      socket.on("number", (number, bytes) => numbers.push(bytes ? [number, [...bytes]] : number));
      return [socket, numbers];
    }

    /** Sends an event and waits until all it causes has arrived, which is in order. */
    async function numbersOf([socket, numbers], event, ...args) {
      socket.emit(event, ...args);
      await socket.emitWithAck("echo");
      return numbers.splice(0);
    }

    test("the server knows the request that opened the connection, also after an upgrade", async () => {
      const query = { room: "&=?a ü", "a b": "1" };
      const socket = await open({ query, extraHeaders: { "X-Test": "yes" }, auth: { token: "x" } });
      const handshake = await socket.emitWithAck("handshake");
      assert.match(handshake.url, /^\/socket\.io\/\?/);
      delete handshake.url;
      assert.deepEqual(handshake, {
        query: [transports[0], "&=?a ü", "1", null],
        header: "yes",
        address: "127.0.0.1",
        secure: false,
        xdomain: false,
        "is recent": true,
        auth: { token: "x" },
      });
    });

    test("the query is that of the connection in each namespace, and what a client says of itself is not", async () => {
      const root = await open({ query: { room: "r", token: "in the query" }, auth: { said: "to the root" } });
      const other = root.io.socket("/other", { auth: { said: "to the other" } });
      await once(other, "connect");
      const [first, second] = [await root.emitWithAck("handshake"), await other.emitWithAck("handshake")];
      for (const { query } of [first, second]) assert.deepEqual(query.slice(1), ["r", null, "in the query"]);
      assert.deepEqual([first.auth, second.auth], [{ said: "to the root" }, { said: "to the other" }]);
    });

    test("a burst of events arrives whole and in order", async () => {
      const numbers = await numbersOf(await counting(), "burst", 1000);
      assert.deepEqual(numbers, Array.from({ length: 1000 }, (_, i) => i));
    });

    test("a volatile event behind a normal one is dropped, and the normal ones around it arrive", async () => {
      const own = await counting();
      assert.deepEqual(await numbersOf(own, "mixed"), [0, 2]);
      const other = await counting();
      assert.deepEqual(await numbersOf(own, "mixed-room"), [0, 2]);
      await other[0].emitWithAck("echo");
      assert.deepEqual(other[1], [0, 2]);
    });

    test("of two volatile events at once one arrives at most, bytes and all", async () => {
      const own = await counting();
      // Over polling none arrives while no request waits.
      const accepted = name === "polling only" ? [[], [0]] : [[0]];
      const within = (numbers, lists) => assert.ok(lists.some((list) => String(list) === String(numbers)), numbers);
      for (let i = 0; i < 5; i += 1) {
        within(await numbersOf(own, "volatile"), accepted);
        within(await numbersOf(own, "volatile-binary"), accepted.map((list) => list.map(() => [0, [0]])));
      }
    });

    test("text and bytes of several megabytes come back three times", { timeout: 60_000 }, async () => {
      const socket = await open();
      const text = { text: "é🦀".repeat(500_000), list: Array.from({ length: 100_000 }, (_, i) => i) };
      const bytes = Buffer.alloc(5_000_000, 0xa5);
      for (let i = 0; i < 3; i += 1) {
        const [answer] = await answerOf(socket, "echo", text);
        assert.ok(answer.text === text.text && answer.list.length === 100_000);
        const [back] = await answerOf(socket, "echo", bytes);
        assert.ok(back.equals(bytes));
      }
    });

    test("what was sent before the end arrives, and the client stays away", async () => {
      const socket = await open();
      const last = once(socket, "last");
      const gone = once(socket, "disconnect");
      socket.emit("last");
      await last;
      assert.equal((await gone)[0], "io server disconnect");
      assert.equal(socket.active, false);
    });

    test("a server that shuts down is left by a closed transport, and the client comes back by itself", async () => {
      const socket = await open();
      const { id } = socket;
      const gone = once(socket, "disconnect");
      socket.emit("shutdown");
      assert.equal((await gone)[0], "transport close");
      await until("the client is back", () => socket.connected);
      assert.notEqual(socket.id, id);
      assert.deepEqual(await answerOf(socket, "echo", "again"), ["again"]);
    });
  });
}

function answerOf(socket, ...args) {
  return new Promise((resolve) => socket.emit(...args, (...values) => resolve(values)));
}

test("the same namespace twice is two connections", async () => {
  const options = { forceNew: false };
  const [first, second] = [client(server.url, options), client(server.url, options)];
  await Promise.all([ready(first), ready(second)]);
  assert.notEqual(first.id, second.id);
  assert.notEqual(first.io, second.io);
});

test("a close during an upgrade waits for the switch and loses nothing", async () => {
  const endpoint = `${server.url}/socket.io/`;
  const session = await Polling.open(endpoint);
  await session.post("40");
  assert.match(await session.next(), /^40\{/);
  const wire = await Wire.connect(endpoint, session.sid);
  wire.send("2probe");
  assert.equal(await wire.next(), "3probe");
  await session.post('42["last"]');
  wire.send("5");
  assert.deepEqual(await wire.take(2), ['42["last"]', "41"]);
  await wire.close();
});
