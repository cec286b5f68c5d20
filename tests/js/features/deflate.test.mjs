// Compressed WebSocket messages (RFC 7692), with `ws` and with the official client.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import { TRANSPORTS, connect, disconnectAll } from "../support/official.mjs";
import { startFeature } from "../support/program.mjs";
import { Inbox, once, within } from "../support/wait.mjs";

const LARGE = "x".repeat(100_000);
let server;
const opened = [];

before(async () => {
  server = await startFeature("deflate");
});
after(() => server?.kill());
afterEach(() => {
  disconnectAll();
  opened.splice(0).forEach(({ socket }) => socket.terminate());
});

/** A client that has joined `/`. */
async function join(perMessageDeflate, options = {}) {
  const url = `${server.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`;
  const socket = new WebSocket(url, { perMessageDeflate, ...options });
  const inbox = new Inbox();
  const closed = new Promise((resolve) => socket.on("close", (code) => resolve(code)));
  socket.on("message", (data, isBinary) => {
    const frame = isBinary ? data : data.toString();
    if (frame === "2") socket.send("3");
    else inbox.push(frame);
  });
  opened.push({ socket });
  await once(socket, "open");
  await inbox.take();
  socket.send("40");
  await inbox.take();
  return { socket, inbox, closed, bytes: () => socket._socket.bytesRead };
}

/** Compresses everything, however small. */
const all = { threshold: 0 };

test("compression is used when the client offers it, and only then", async () => {
  assert.equal((await join(all)).socket.extensions, "permessage-deflate");
  assert.equal((await join(false)).socket.extensions, "");
});

test("messages of all sizes are compressed both ways, and large ones become small", async () => {
  const { socket, inbox, bytes } = await join(all);
  const before = bytes();
  const texts = ["", "small", "€".repeat(700), LARGE, "after", "y".repeat(1_100)];
  texts.forEach((text, id) => socket.send(`42${id}${JSON.stringify(["echo", text])}`));
  const answers = await inbox.takeMany(texts.length);
  assert.deepEqual(answers, texts.map((text, id) => `43${id}${JSON.stringify([text])}`));
  assert.ok(bytes() - before < 3_000, `${bytes() - before} bytes came`);
});

test("binary data is compressed as well", async () => {
  const { socket, inbox, bytes } = await join(all);
  const before = bytes();
  const data = Buffer.alloc(50_000, 7);
  socket.send('451-0["echo",{"_placeholder":true,"num":0}]');
  socket.send(data);
  const [header, answer] = await inbox.takeMany(2);
  assert.equal(header, '461-0[{"_placeholder":true,"num":0}]');
  assert.ok(data.equals(answer));
  assert.ok(bytes() - before < 1_000);
});

test("a compressed message may come in fragments, with pings between", async () => {
  const { socket, inbox } = await join(all);
  const text = `420${JSON.stringify(["echo", "fragment ".repeat(500)])}`;
  for (let at = 0; at < text.length; at += 500) {
    const fin = at + 500 >= text.length;
    await new Promise((resolve) => socket.send(text.slice(at, at + 500), { fin }, resolve));
    socket.ping();
  }
  assert.equal(await inbox.take(), `430${JSON.stringify(["fragment ".repeat(500)])}`);
});

test("a small message that would become larger than the limit closes its connection and no other", async () => {
  const [attacker, other] = [await join(all), await join(all)];
  attacker.socket.send(`42["say","${"x".repeat(50_000_000)}"]`);
  assert.equal(await within(10_000, "close", attacker.closed), 1009);
  other.socket.send('420["echo","alive"]');
  assert.equal(await other.inbox.take(), '430["alive"]');
});

test("a broadcast reaches clients that compress and clients that do not", async () => {
  const clients = [await join(all), await join(false), await join(all)];
  const before = clients.map((client) => client.bytes());
  clients[0].socket.send(`42["say","${LARGE}"]`);
  for (const client of clients) assert.equal(await client.inbox.take(), `42["said","${LARGE}"]`);
  const [first, plain, last] = clients.map((client, index) => client.bytes() - before[index]);
  assert.ok(first < 2_000 && last < 2_000 && plain > 100_000, `${[first, plain, last]}`);
});

test("small messages and those sent without compression are left as they are", async () => {
  const { socket, inbox, bytes } = await join(all);
  let before = bytes();
  socket.send(`42["plain","${LARGE}"]`);
  assert.equal(await inbox.take(), `42["said","${LARGE}"]`);
  assert.ok(bytes() - before > 100_000);
  before = bytes();
  socket.send(`420["echo","${"x".repeat(500)}"]`);
  await inbox.take();
  assert.ok(bytes() - before > 500);
});

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  describe(`the official client, ${name}:`, () => {
    test("gets back what it sends", async () => {
      const socket = await connect(server.url, { transports });
      const data = Buffer.alloc(20_000, 1);
      for (const value of [LARGE, "small", "€".repeat(1_000)]) {
        assert.equal(await socket.timeout(5000).emitWithAck("echo", value), value);
      }
      assert.ok(data.equals(await socket.timeout(5000).emitWithAck("echo", data)));
    });
  });
}
