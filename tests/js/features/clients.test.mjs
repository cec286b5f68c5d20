// What every client can do, with official clients of all ages over each transport.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { AGES, withBuffers } from "../support/ages.mjs";
import { TRANSPORTS, ask, client, disconnectAll, ready } from "../support/official.mjs";
import { freePort, startFeature } from "../support/program.mjs";
import { once, pause, until, within } from "../support/wait.mjs";

let server;

before(async () => {
  server = await startFeature("clients");
});
after(() => server?.kill());
afterEach(disconnectAll);

const SHAPES = [
  ["no argument", []],
  ["numbers", [0, -1, 1.5, 1e21, 2 ** 53 - 1]],
  ["multi-byte text", ["äöü € 日本語 🦀👩‍👩‍👧 \u2028\u2029 \" \\ \n", "🦀"]],
  ["null and booleans", [null, true, false]],
  ["nested values", [[1, [2, [3, []]]], { b: 1, a: { z: null, y: [{}] } }]],
  ["bytes", [Buffer.from([0, 1, 2, 253, 254, 255])]],
  ["empty bytes", [Buffer.alloc(0)]],
  ["nested bytes", [{ a: [Buffer.from([0]), { b: Buffer.from([255]) }], c: null }, "€", Buffer.from("x")]],
  ["ten attachments", [Array.from({ length: 10 }, (_, i) => Buffer.from([i]))]],
];

/** Sends an event and resolves with the arguments of its acknowledgement. */
function acknowledged(socket, event, ...args) {
  const answer = new Promise((resolve) => socket.emit(event, ...args, (...values) => resolve(values)));
  return within(5000, `answer to ${event}`, answer);
}

for (const { version, io, eio } of AGES) {
  for (const [name, transports] of Object.entries(TRANSPORTS)) {
    describe(`client ${version}, ${name}:`, () => {
      const make = (options, namespace = "") => client(server.url + namespace, { io, transports, ...options });

      /** Resolves with a connected socket and what it was greeted with. */
      async function greeted(options, namespace) {
        const socket = make(options, namespace);
        const [hello] = await Promise.all([once(socket, "hello"), ready(socket)]);
        return [socket, ...hello];
      }

      async function connected() {
        const [socket] = await greeted();
        return socket;
      }

      test("the id is the same on both sides", async () => {
        const [socket, id] = await greeted();
        assert.equal(socket.id, id);
        assert.equal(socket.io.engine.transport.name, transports.at(-1));
        assert.equal(socket.io.engine.id === id, eio === 3);
      });

      for (const [what, args] of SHAPES) {
        test(`events and acknowledgements carry ${what} both ways`, async () => {
          const socket = await connected();
          assert.deepEqual(withBuffers(await ask(socket, "echo", "echo-back", args)), args);
          assert.deepEqual(withBuffers(await acknowledged(socket, "ask", ...args)), args);
        });
      }

      test("the server's questions are answered", async () => {
        const socket = await connected();
        socket.on("question", (question, answer) => answer(question, "€"));
        assert.deepEqual(await ask(socket, "question", "answered", [{ a: ["🦀"] }]), [[{ a: ["🦀"] }, "€"]]);
        const bytes = Buffer.from([1, 2, 3]);
        assert.deepEqual(withBuffers(await ask(socket, "question-binary", "answered", [bytes])), [bytes]);
      });

      test("large text and bytes come back", async () => {
        const socket = await connected();
        for (const value of ["é🦀".repeat(50_000), Buffer.alloc(500_000, 0xa5)]) {
          const answer = withBuffers(await ask(socket, "echo", "echo-back", [value]));
          assert.ok(Buffer.from(answer[0]).equals(Buffer.from(value)));
        }
      });

      test("many events come back in order, text and bytes", async () => {
        const socket = await connected();
        const answers = [];
        socket.on("echo-back", (number, bytes) => answers.push([number, withBuffers(bytes)]));
        const sent = Array.from({ length: 100 }, (_, i) => [i, i % 3 ? `${i}` : Buffer.from([i])]);
        for (const args of sent) socket.emit("echo", ...args);
        await until("all answers", () => answers.length === sent.length);
        assert.deepEqual(answers, sent);
      });

      test("a room reaches its members and not the sender", async () => {
        const [speaker, member, former] = await Promise.all([connected(), connected(), connected()]);
        for (const socket of [speaker, member, former]) {
          assert.deepEqual(await acknowledged(socket, "join", `room ${version}`), [true]);
        }
        assert.deepEqual(await acknowledged(former, "leave", `room ${version}`), [true]);
        const strangers = [];
        for (const socket of [speaker, former]) socket.on("said", (text) => strangers.push(text));
        const heard = once(member, "said");
        speaker.emit("say", `room ${version}`, "hello €");
        assert.deepEqual(await heard, ["hello €"]);
        // What would have come has come when these are answered.
        for (const socket of [speaker, former]) await acknowledged(socket, "ask");
        assert.deepEqual(strangers, []);
      });

      test("a namespace has its own socket, with what the client says of itself", async () => {
        const said = { token: "a&b", nothing: "" };
        const root = await connected();
        const chat = root.io.socket("/chat", eio === 3 ? { query: said } : { auth: said });
        const [id, auth] = await once(chat, "hello");
        assert.equal(chat.id, id);
        assert.deepEqual(auth, said);
        assert.notEqual(root.id, chat.id);
        assert.deepEqual(await ask(chat, "echo", "echo-back", ["in the namespace"]), ["in the namespace"]);
        assert.deepEqual(await ask(root, "echo", "echo-back", ["in the root"]), ["in the root"]);
        chat.emit("kick");
        const [reason] = await once(chat, "disconnect");
        assert.equal(reason, "io server disconnect");
        assert.deepEqual(await acknowledged(root, "ask", "still here"), ["still here"]);
      });

      test("a refusal tells why", async () => {
        const closed = make({}, "/closed");
        const [error] = await once(closed, eio === 3 ? "error" : "connect_error");
        if (eio === 3) assert.deepEqual(error, { code: 7 });
        else assert.deepEqual([error.message, error.data], ["no entry", { code: 7 }]);
        const unknown = make({}, "/unknown");
        const [refusal] = await once(unknown, eio === 3 ? "error" : "connect_error");
        assert.equal(eio === 3 ? refusal : refusal.message, "Invalid namespace");
      });

      test("the client can leave and come again, and its listeners hear each event once", async () => {
        const [socket, id] = await greeted();
        const answers = [];
        socket.on("echo-back", (...args) => answers.push(args));
        const [gone, hello] = [once(socket, "disconnect"), once(socket, "hello")];
        socket.disconnect();
        assert.equal((await gone)[0], "io client disconnect");
        socket.connect();
        assert.notEqual((await hello)[0], id);
        socket.emit("echo", "again");
        await acknowledged(socket, "ask");
        assert.deepEqual(answers, [["again"]]);
      });

      test("the client comes back after the server was killed, and what it sent meanwhile arrives", async () => {
        const port = await freePort();
        let own = await startFeature("clients", { port });
        try {
          const socket = client(own.url, { io, transports });
          await Promise.all([once(socket, "hello"), ready(socket)]);
          const { id } = socket;
          const lost = once(socket, "disconnect");
          await own.kill("SIGKILL");
          await lost;
          const answers = [];
          socket.on("echo-back", (...args) => answers.push(args));
          socket.emit("echo", "meanwhile");
          own = await startFeature("clients", { port });
          await until("the answer", () => answers.length > 0, { timeout: 15_000 });
          assert.deepEqual(answers, [["meanwhile"]]);
          assert.notEqual(socket.id, id);
          await ready(socket);
        } finally {
          await own.kill();
        }
      });
    });
  }
}

/** Connects a client of each age over each transport. */
async function everybody() {
  const sockets = [];
  for (const { io } of AGES) {
    for (const transports of Object.values(TRANSPORTS)) sockets.push(await ready(client(server.url, { io, transports })));
  }
  return sockets;
}

describe("together,", () => {
  test("clients that are idle are kept by their heartbeats", async () => {
    const sockets = await everybody();
    const ids = sockets.map(({ id }) => id);
    // Nothing to wait for but time itself: a silent session lives 1.8 s.
    await pause(2200);
    for (const socket of sockets) assert.deepEqual(await acknowledged(socket, "ask", "alive"), ["alive"]);
    assert.deepEqual(sockets.map(({ id }) => id), ids);
  });

  test("clients of all ages and transports hear the same, each in its own form", async () => {
    const sockets = await everybody();
    for (const socket of sockets) assert.deepEqual(await acknowledged(socket, "join", "everybody"), [true]);
    const [speaker, ...others] = sockets;
    const heard = others.map((socket) => once(socket, "said"));
    speaker.emit("say", "everybody", { text: "äöü 🦀" });
    assert.deepEqual(await Promise.all(heard), others.map(() => [{ text: "äöü 🦀" }]));
  });
});

describe("where it is not allowed,", () => {
  test("clients that speak Engine.IO 3 are refused, others are not", async () => {
    const strict = await startFeature("broadcast");
    try {
      for (const { io, eio } of AGES) {
        for (const transports of Object.values(TRANSPORTS)) {
          const socket = client(strict.url, { io, transports, reconnection: false });
          if (eio === 3) await once(socket, "connect_error");
          else await ready(socket);
          assert.equal(socket.connected, eio === 4);
        }
      }
    } finally {
      await strict.kill();
    }
  });
});
