// The parser for MessagePack: the official client with the official parser.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, afterEach, before, describe, test } from "node:test";
import * as parser from "socket.io-msgpack-parser";
import WebSocket from "ws";
import { TRANSPORTS, client, connect, disconnectAll } from "../support/official.mjs";
import { startFeature } from "../support/program.mjs";
import { once } from "../support/wait.mjs";

const { encode } = createRequire(import.meta.resolve("socket.io-msgpack-parser"))("notepack.io");
let server;

before(async () => {
  server = await startFeature("msgpack");
});
after(() => server?.kill());
afterEach(disconnectAll);

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  describe(`MessagePack, ${name}:`, () => {
    const options = { transports, parser };

    function echo(socket, ...args) {
      return new Promise((resolve) => {
        socket.emit("echo", ...args, (...back) => resolve(back));
      });
    }

    test("values of all kinds come back as they were", async () => {
      const socket = await connect(server.url, options);
      const values = [
        ...[0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER],
        ...[-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1, Number.MIN_SAFE_INTEGER],
        ...[0.5, -0.1, 1e-7, Math.PI, true, false, null],
        ...["", "é€😀", "x".repeat(31), "x".repeat(32), "x".repeat(300), "x".repeat(70_000), '"\\\n\u0000'],
        ...[[], [[], [1, [2]]], Array.from({ length: 100 }, (_, index) => index)],
        ...[{}, { a: { b: [{ c: null }] } }, Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, i]))],
      ];
      assert.deepEqual(await echo(socket, ...values), values);
      assert.deepEqual(await echo(socket), []);
    });

    test("binary data comes back wherever it stands", async () => {
      const socket = await connect(server.url, options);
      const part = Buffer.from([0, 1, 254, 255]);
      const args = [part, { deep: [part, { part: Buffer.alloc(300, 7) }] }, Buffer.alloc(70_000, 9), Buffer.alloc(0)];
      assert.deepEqual(await echo(socket, ...args), args);
      const [back] = await echo(socket, new Uint8Array([1, 2]).buffer);
      assert.deepEqual(back, Buffer.from([1, 2]));
    });

    test("data that looks like a placeholder stays data beside binary data", async () => {
      const socket = await connect(server.url, options);
      const args = [{ _placeholder: true, num: 0 }, Buffer.from("x"), { num: 7, _placeholder: true }];
      assert.deepEqual(await echo(socket, ...args), args);
    });

    test("listeners see what the other parser would have brought", async () => {
      const socket = await connect(server.url, options);
      const args = [new Date(1_735_689_599_999), undefined, { gone: undefined, kept: 1 }, [undefined], NaN];
      const seen = await socket.emitWithAck("inspect", ...args);
      assert.equal(seen, JSON.stringify(args));
    });

    test("the client's answer reaches the server", async () => {
      const socket = await connect(server.url, options);
      socket.on("question", (question, ack) => ack({ answered: question }));
      socket.emit("ask", [1, "two"]);
      assert.deepEqual(await once(socket, "answer"), [{ answered: [1, "two"] }]);
    });

    test("a room gets binary data", async () => {
      const [one, other] = [await connect(server.url, options), await connect(server.url, options)];
      for (const socket of [one, other]) assert.equal(await socket.emitWithAck("join", name), true);
      const both = [once(one, "published"), once(other, "published")];
      one.emit("publish", name, Buffer.from("hello"));
      assert.deepEqual(await Promise.all(both), [[Buffer.from("hello")], [Buffer.from("hello")]]);
    });

    test("a namespace lets in and refuses with the error's data", async () => {
      const refused = client(`${server.url}/admin`, { ...options, auth: { token: "bad" } });
      const [error] = await once(refused, "connect_error");
      assert.deepEqual([error.message, error.data], ["wrong token", { got: "bad" }]);
      const unknown = client(`${server.url}/nowhere`, options);
      assert.equal((await once(unknown, "connect_error"))[0].message, "Invalid namespace");
      const admin = await connect(`${server.url}/admin`, { ...options, auth: { token: "good" } });
      assert.deepEqual(await echo(admin, 1, "x"), [1, "x"]);
    });

    test("the server ends a stay, and the client its own", async () => {
      const socket = await connect(server.url, options);
      socket.emit("kick");
      assert.equal((await once(socket, "disconnect"))[0], "io server disconnect");
      socket.connect();
      await once(socket, "connect");
      const again = once(socket, "disconnect");
      socket.disconnect();
      assert.equal((await again)[0], "io client disconnect");
    });

    test("many events keep their order", async () => {
      const socket = await connect(server.url, options);
      const answers = await Promise.all(
        Array.from({ length: 300 }, (_, number) => socket.emitWithAck("echo", number, Buffer.from([number % 256]))),
      );
      assert.deepEqual(
        answers,
        Array.from({ length: 300 }, (_, number) => number),
      );
    });
  });
}

describe("MessagePack from hostile clients:", () => {
  /** Opens a WebSocket with raw frames, sends CONNECT and then `frame`, and resolves when the server closes. */
  async function closedBy(frame) {
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
    const closed = once(socket, "close");
    await once(socket, "message");
    socket.send(encode({ type: 0, nsp: "/" }));
    await once(socket, "message");
    socket.send(frame);
    await closed;
  }

  /** An event whose data are these bytes. */
  const event = (data) =>
    Buffer.concat([
      Buffer.from([0x83]),
      ...["type", 2, "nsp", "/", "data"].map((value) => encode(value)),
      Buffer.from(data),
    ]);

  for (const [what, frame] of Object.entries({
    "a length that promises four billion values": event([0x92, 0xa1, 0x61, 0xdd, 0xff, 0xff, 0xff, 0xff]),
    "a length that promises four gigabytes": event([0x92, 0xa1, 0x61, 0xc6, 0xff, 0xff, 0xff, 0xff]),
    "a nesting bomb": event([0x92, 0xa1, 0x61, ...new Array(100_000).fill(0x91), 0xc0]),
    "eleven attachments": encode({ type: 2, nsp: "/", data: ["a", ...new Array(11).fill(Buffer.from("x"))] }),
    "a reserved name": encode({ type: 2, nsp: "/", data: ["disconnect"] }),
    "a type that only text has": encode({ type: 5, nsp: "/", data: ["a"] }),
    "bytes behind the packet": Buffer.concat([encode({ type: 2, nsp: "/", data: ["a"] }), Buffer.from([0xc0])]),
    "text in place of MessagePack": '42["a"]',
  })) {
    test(`${what}: closes that connection and no other`, async () => {
      const other = await connect(server.url, { parser, transports: ["websocket"] });
      await closedBy(frame);
      assert.equal(await other.emitWithAck("echo", what), what);
    });
  }
});
