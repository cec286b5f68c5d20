// The official socket.io-client against the `conformance` example, over each transport.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { TRANSPORTS, ask, client, connect, disconnectAll, ready } from "./support/official.mjs";
import { freePort, startConformance } from "./support/program.mjs";
import { once, pause, until, within } from "./support/wait.mjs";

let server;

before(async () => {
  server = await startConformance();
});
after(() => server?.kill());
afterEach(disconnectAll);

const SHAPES = [
  ["no argument", []],
  ["a number", [1]],
  ["numbers of every kind", [0, -1, 1.5, -0.1, 1e21, 5e-324, 2 ** 53 - 1, 0.1 + 0.2]],
  ["a string", ["text"]],
  ["an empty string", [""]],
  ["multi-byte text", ["äöü € 日本語 🦀👩‍👩‍👧 \u2028\u2029 \u0000 \" \\ \n", "äöü", "äöü"]],
  ["null", [null]],
  ["booleans", [true, false]],
  ["an array", [[1, [2, [3, []]]]]],
  ["an object", [{ b: 1, a: { z: null, y: [{}] } }]],
  ["many arguments", Array.from({ length: 100 }, (_, i) => i)],
  ["a mixture", [1, "2", [3], { 4: "5" }, null, true]],
  ["bytes", [Buffer.from([1, 2, 3])]],
  ["empty bytes", [Buffer.alloc(0)]],
  ["nested bytes", [{ a: [Buffer.from([0]), { b: Buffer.from([255, 254]) }], c: null }, "text", Buffer.from("x")]],
  ["ten attachments", [Array.from({ length: 10 }, (_, i) => Buffer.from([i]))]],
  ["an object that looks like a placeholder", [{ _placeholder: true, num: 0 }]],
];

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  describe(`${name}:`, () => {
    const open = (options) => connect(server.url, { transports, ...options });

    test("the client connects and gets an id of its own", async () => {
      const socket = await open();
      assert.match(socket.id, /^[A-Za-z0-9_-]{20}$/);
      assert.notEqual(socket.id, socket.io.engine.id);
      assert.equal(socket.io.engine.transport.name, transports.at(-1));
      assert.ok(!socket.recovered, "without state recovery every connection is a new one");
    });

    test("the auth payload reaches the server", async () => {
      const socket = client(server.url, { transports, auth: { token: "abc", nested: [1, { a: null }] } });
      const [auth] = await once(socket, "auth");
      assert.deepEqual(auth, { token: "abc", nested: [1, { a: null }] });
      const without = client(server.url, { transports });
      assert.deepEqual(await once(without, "auth"), [{}]);
    });

    for (const [what, args] of SHAPES) {
      test(`an event and its answer carry ${what}`, async () => {
        const socket = await open();
        assert.deepEqual(await ask(socket, "message", "message-back", args), args);
      });

      test(`an acknowledgement carries ${what}`, async () => {
        const socket = await open();
        const reply = new Promise((resolve) => {
          socket.emit("message-with-ack", ...args, (...answer) => resolve(answer));
        });
        assert.deepEqual(await within(5000, "the acknowledgement", reply), args);
      });
    }

    test("object keys keep their order", async () => {
      const socket = await open();
      const value = { z: 1, a: { y: 2, b: 3 }, m: [] };
      const [answer] = await ask(socket, "message", "message-back", [value]);
      assert.equal(JSON.stringify(answer), JSON.stringify(value));
    });

    test("large text and bytes come back three times", async () => {
      const socket = await open();
      const text = "é".repeat(400_000);
      const bytes = Buffer.alloc(700_000, 0xa5);
      for (let i = 0; i < 3; i++) {
        const [answer] = await ask(socket, "message", "message-back", [text]);
        assert.ok(answer === text, "the text is the same");
        const [echo] = await ask(socket, "message", "message-back", [bytes]);
        assert.ok(bytes.equals(echo), "the bytes are the same");
      }
    });

    test("messages that together pass the limit are split by the client and all arrive", async () => {
      const socket = await open();
      // More than a payload may have (1,000,000 bytes), less than what the server holds for one client (1 MiB).
      const texts = Array.from({ length: 4 }, (_, i) => String(i).padEnd(255_000, "x"));
      const answers = [];
      socket.on("message-back", (text) => answers.push(text));
      for (const text of texts) socket.emit("message", text);
      await until("all answers", () => answers.length >= texts.length, { timeout: 10_000 });
      assert.ok(answers.every((answer, i) => answer === texts[i]));
    });

    test("500 events and acknowledgements come back in order", async () => {
      // Not waiting for the upgrade puts it into the middle of the stream.
      const socket = client(server.url, { transports });
      const answers = [];
      const acks = [];
      socket.on("message-back", (i) => answers.push(i));
      const expected = Array.from({ length: 500 }, (_, i) => i);
      for (const i of expected) {
        if (i === 100) await ready(socket).catch(() => {});
        socket.emit("message", i);
        socket.emit("message-with-ack", i, (j) => acks.push(j));
      }
      await until("all answers", () => answers.length >= 500 && acks.length >= 500);
      assert.deepEqual(answers, expected);
      assert.deepEqual(acks, expected);
    });

    test("emitWithAck resolves with the first value", async () => {
      const socket = await open();
      assert.deepEqual(await socket.timeout(5000).emitWithAck("message-with-ack", { a: Buffer.from([1]) }), {
        a: Buffer.from([1]),
      });
    });

    test("an acknowledgement that never comes ends by the time-out, one in time does not", async () => {
      const socket = await open();
      await assert.rejects(socket.timeout(50).emitWithAck("nobody-listens", 1), /operation has timed out/);
      assert.equal(await socket.timeout(5000).emitWithAck("message-with-ack", 2), 2);
      await assert.rejects(socket.timeout(0).emitWithAck("nobody-listens"), /operation has timed out/);
    });

    test("retries deliver each event once and in order", async () => {
      const socket = await open({ retries: 3, ackTimeout: 2000 });
      const answers = [];
      const expected = Array.from({ length: 20 }, (_, i) => i);
      for (const i of expected) {
        socket.emit("message-with-ack", i, (error, value) => answers.push(error ?? value));
      }
      await until("all acknowledgements", () => answers.length >= 20);
      assert.deepEqual(answers, expected);
    });

    test("a volatile event arrives on an idle connection and is dropped without one", async () => {
      const socket = await open();
      const answers = [];
      socket.on("message-back", (value) => answers.push(value));
      socket.disconnect();
      socket.volatile.emit("message", "dropped");
      socket.connect();
      await ready(socket);
      // "Idle" is reached when nothing is under way; the poll that carried the CONNECT may still be.
      await until("a volatile event", async () => {
        socket.volatile.emit("message", "volatile");
        await pause(20);
        return answers.length > 0;
      });
      assert.ok(answers.every((value) => value === "volatile"));
    });

    test("two namespaces share one connection", async () => {
      const main = await open();
      const custom = main.io.socket("/custom");
      await once(custom, "connect");
      assert.notEqual(custom.id, main.id);
      assert.deepEqual(await ask(custom, "message", "message-back", [1, Buffer.from([2])]), [1, Buffer.from([2])]);
      assert.equal(await custom.timeout(5000).emitWithAck("message-with-ack", 3), 3);
      custom.disconnect();
      assert.deepEqual(await ask(main, "message", "message-back", [4]), [4]);
    });

    test("an unknown namespace is refused and the connection goes on", async () => {
      const main = await open();
      const unknown = main.io.socket("/unknown");
      const [error] = await once(unknown, "connect_error");
      assert.equal(error.message, "Invalid namespace");
      assert.equal(unknown.connected, false);
      assert.deepEqual(await ask(main, "message", "message-back", [1]), [1]);
    });

    test("leaving by the client says so, and connecting again does not double the answers", async () => {
      const socket = await open();
      const first = socket.id;
      const answers = [];
      socket.on("message-back", (value) => answers.push(value));
      const reason = once(socket, "disconnect");
      socket.disconnect();
      assert.equal((await reason)[0], "io client disconnect");
      socket.connect();
      await ready(socket);
      assert.notEqual(socket.id, first);
      socket.emit("message", 1);
      assert.equal(await socket.timeout(5000).emitWithAck("message-with-ack", 2), 2);
      assert.deepEqual(answers, [1]);
    });

    test("a message over the limit ends the connection, and the client comes back", async () => {
      const socket = await open();
      const reason = once(socket, "disconnect");
      const again = once(socket, "connect", 10_000);
      socket.emit("message", "x".repeat(1_000_001));
      // The client names what it sees first: over polling the failed POST, as with the reference, or the end of its
      // poll; the WebSocket is closed.
      const expected = transports.at(-1) === "polling" ? ["transport error", "transport close"] : ["transport close"];
      const [text] = await reason;
      assert.ok(expected.includes(text), text);
      await again;
      assert.equal(await socket.timeout(5000).emitWithAck("message-with-ack", 1), 1);
    });

    test("a protocol violation ends the connection with transport close", async () => {
      const socket = await open();
      const reason = once(socket, "disconnect");
      socket.io.engine.write("2{}");
      assert.equal((await reason)[0], "transport close");
    });

    test("the heartbeat keeps an idle connection", async () => {
      const socket = await open();
      const { id } = socket;
      let pings = 0;
      socket.io.on("ping", () => (pings += 1));
      await until("four pings", () => pings >= 4);
      assert.equal(socket.connected, true);
      assert.equal(socket.id, id);
    });
  });
}

describe("a server that goes away:", () => {
  for (const [name, transports] of Object.entries(TRANSPORTS)) {
    test(`${name}: the client notices SIGKILL, counts attempts, comes back and sends what was buffered once`, async () => {
      const port = await freePort();
      let mortal = await startConformance({ port });
      try {
        const socket = await connect(mortal.url, { transports });
        const first = socket.id;
        const answers = [];
        socket.on("message-back", (value) => answers.push(value));
        assert.deepEqual(await ask(socket, "message", "message-back", ["before"]), ["before"]);
        let attempts = 0;
        socket.io.on("reconnect_attempt", () => (attempts += 1));
        const reason = once(socket, "disconnect");
        await mortal.kill("SIGKILL");
        const [text] = await reason;
        // Which of the two it is depends on what was under way; both are what the client calls a lost connection.
        assert.ok(["transport close", "transport error"].includes(text), text);
        for (let i = 0; i < 10; i++) socket.emit("message", i);
        const acknowledged = new Promise((resolve) => socket.emit("message-with-ack", "buffered", resolve));
        await until("two attempts", () => attempts >= 2);
        mortal = await startConformance({ port });
        await ready(socket, 10_000);
        assert.notEqual(socket.id, first);
        assert.equal(await within(5000, "the buffered acknowledgement", acknowledged), "buffered");
        assert.equal(await socket.timeout(5000).emitWithAck("message-with-ack", "after"), "after");
        assert.deepEqual(answers, ["before", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      } finally {
        disconnectAll();
        await mortal.kill();
      }
    });

    test(`${name}: the client notices a frozen server by its missing pings and comes back when it thaws`, async () => {
      const frozen = await startConformance();
      try {
        const socket = await connect(frozen.url, { transports, timeout: 1000 });
        const reason = once(socket, "disconnect");
        process.kill(frozen.program.pid, "SIGSTOP");
        assert.equal((await reason)[0], "ping timeout");
        process.kill(frozen.program.pid, "SIGCONT");
        await ready(socket, 10_000);
        assert.equal(await socket.timeout(5000).emitWithAck("message-with-ack", 1), 1);
      } finally {
        disconnectAll();
        await frozen.kill("SIGKILL");
      }
    });
  }
});

describe("many clients:", () => {
  test("60 clients of all transports get their own answers only", async () => {
    const kinds = Object.values(TRANSPORTS);
    const sockets = await Promise.all(
      Array.from({ length: 60 }, (_, i) => connect(server.url, { transports: kinds[i % kinds.length] })),
    );
    assert.equal(new Set(sockets.map(({ id }) => id)).size, 60);
    const answers = await Promise.all(
      sockets.map((socket, i) => socket.timeout(5000).emitWithAck("message-with-ack", `from ${i}`)),
    );
    assert.deepEqual(
      answers,
      sockets.map((_, i) => `from ${i}`),
    );
  });
});
