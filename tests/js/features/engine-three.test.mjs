// Engine.IO protocol 3 on the wire, with the parser of the official client of that time as the second opinion.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { Wire, webSocketUrl } from "../support/engine-client.mjs";
import { startFeature } from "../support/program.mjs";
import { answerTo, claim, open, send } from "../support/raw-http.mjs";
import { once } from "../support/wait.mjs";

const client = createRequire(import.meta.url).resolve("socket.io-client-2.5");
const engine = createRequire(client).resolve("engine.io-client");
const parser = createRequire(engine)("engine.io-parser");

let server;
let endpoint;

before(async () => {
  server = await startFeature("clients");
  endpoint = `${server.url}/socket.io/`;
});
after(() => server?.kill());

/** The packets of a payload, text or Buffer, as [type, data]. */
function decode(payload) {
  const packets = [];
  parser.decodePayload(payload, (packet) => packets.push([packet.type, packet.data]));
  return packets;
}

/** A payload of messages as a client writes it that reads binary, or does not. */
function encode(messages, readsBinary) {
  let payload;
  const packets = messages.map((data) => ({ type: "message", data }));
  parser.encodePayload(packets, readsBinary, (encoded) => (payload = encoded));
  return payload;
}

/** The packets of an answer, whose type says whether it is text. */
function packetsOf(answer) {
  assert.equal(answer.status, 200, answer.body);
  const isBinary = answer.headers["content-type"] === "application/octet-stream";
  if (!isBinary) assert.equal(answer.headers["content-type"], "text/plain; charset=UTF-8");
  return decode(isBinary ? answer.bytes : answer.body);
}

/** A polling session that is in `/`. */
class Session {
  static async open(query = "") {
    const answer = await send(`${endpoint}?EIO=3&transport=polling${query}`);
    const [[type, data], ...rest] = packetsOf(answer);
    assert.equal(type, "open");
    const session = new Session();
    Object.assign(session, { handshake: JSON.parse(data), answer, rest });
    session.sid = session.handshake.sid;
    session.url = `${endpoint}?EIO=3&transport=polling&sid=${session.sid}`;
    return session;
  }

  get() {
    return send(this.url);
  }

  post(body, type = typeof body === "string" ? "text/plain;charset=UTF-8" : "application/octet-stream") {
    return send(this.url, { method: "POST", body, headers: { "Content-Type": type } });
  }

  /** Whether the session answers a ping. */
  async lives() {
    if ((await this.post("1:2")).status !== 200) return false;
    return packetsOf(await this.get()).some(([type]) => type === "pong");
  }
}

const ECHO = ['51-7["ask",{"_placeholder":true,"num":0},"€🦀"]', Buffer.from([0, 1, 254, 255])];
const ECHOED = [["message", '61-7[{"_placeholder":true,"num":0},"€🦀"]'], ["message", ECHO[1]]];

describe("a handshake", () => {
  test("is answered by the open packet, CONNECT and the first event, each with its length", async () => {
    const { answer, handshake, rest } = await Session.open();
    assert.match(answer.body, /^\d+:0\{/);
    assert.deepEqual(Object.keys(handshake), ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
    assert.deepEqual(handshake.upgrades, ["websocket"]);
    assert.deepEqual(rest, [["message", "0"], ["message", `2["hello","${handshake.sid}",null]`]]);
  });

  test("without a version is refused although 3 is allowed", async () => {
    const answer = await send(`${endpoint}?transport=polling`);
    assert.equal(answer.status, 400);
    assert.deepEqual(JSON.parse(answer.body), { code: 5, message: "Unsupported protocol version" });
  });
});

describe("polling", () => {
  test("carries binary in bodies of bytes, both ways", async () => {
    const session = await Session.open();
    const body = encode(ECHO, true);
    assert.ok(Buffer.isBuffer(body) && body[0] === 0 && body.at(-5) === 4);
    assert.equal((await session.post(body)).body, "ok");
    const answer = await session.get();
    assert.equal(answer.headers["content-type"], "application/octet-stream");
    assert.deepEqual(packetsOf(answer), ECHOED);
  });

  test("carries binary as base64 for a client that reads no other", async () => {
    const session = await Session.open("&b64=1");
    assert.equal((await session.post(encode(ECHO, false))).body, "ok");
    const answer = await session.get();
    assert.match(answer.body, /10:b4AAH\+\/w==$/);
    assert.deepEqual(packetsOf(answer), ECHOED);
  });

  test("carries text in bodies of bytes", async () => {
    const session = await Session.open();
    const text = Buffer.from('4211["ask","€🦀"]');
    const body = Buffer.concat([Buffer.from([0, 2, 1, 255]), text]);
    assert.equal(text.length, 21);
    assert.equal((await session.post(body)).body, "ok");
    assert.deepEqual(packetsOf(await session.get()), [["message", '311["€🦀"]']]);
  });

  test("counts a length in UTF-16 units", async () => {
    const session = await Session.open();
    const packet = '4211["ask","äöü€🦀👩‍👩‍👧"]';
    assert.equal((await session.post(`${packet.length}:${packet}1:2`)).body, "ok");
    assert.deepEqual(packetsOf(await session.get()), [["message", '311["äöü€🦀👩‍👩‍👧"]'], ["pong", undefined]]);
  });

  test("answers a ping, and sends none itself", async () => {
    const session = await Session.open();
    const poll = session.get();
    await session.post("1:2");
    assert.equal((await poll).body, "1:3");
  });

  test("ends the waiting GET with a noop when the client leaves", async () => {
    const session = await Session.open();
    const request = open(session.url);
    const waiting = answerTo(request);
    request.end();
    await once(request, "finish");
    await session.post("1:1");
    // The POST may overtake the GET, which then finds nothing.
    const { status, body } = await waiting;
    assert.ok(body === "1:6" || status === 400, `${status} ${body}`);
    assert.equal((await session.get()).status, 400);
  });

  test("closes cleanly at a violation", async () => {
    const session = await Session.open();
    await session.post("4:4abc");
    assert.equal((await session.get()).body, "1:61:1");
    assert.equal((await session.get()).status, 400);
  });

  for (const [what, body] of [
    ["no body", ""],
    ["the payload of protocol 4", "40"],
    ["a length that is none", "x:4"],
    ["a negative length", "-1:4"],
    ["a length beyond the end", "3:42"],
    ["a length that no memory holds", "1000000000000:4"],
    ["a length of more digits than numbers have", `${"9".repeat(400)}:4`],
    ["a length inside a character", "2:4🦀"],
    ["an unknown type", "1:9"],
    ["base64 of protocol 4", "9:bAQIDBA=="],
    ["broken base64", "3:b4$"],
    ["a record without end of its length", Buffer.alloc(1000, 9)],
    ["a record of an unknown kind", Buffer.from([7, 1, 255, 4])],
    ["a record beyond the end", Buffer.from([1, 9, 9, 255, 4])],
    ["a record whose digits are characters", Buffer.from("\u00001\u00ff4", "latin1")],
    ["a record without a type", Buffer.from([1, 0, 255])],
    ["a record of text that is no UTF-8", Buffer.from([0, 2, 255, 0x34, 0xff])],
  ]) {
    test(`ends the session at ${what}`, async () => {
      const session = await Session.open();
      assert.equal((await session.post(body)).status, 400);
      const answer = await session.get();
      assert.deepEqual(JSON.parse(answer.body), { code: 1, message: "Session ID unknown" });
    });
  }

  test("answers 413 to bytes over the limit", async () => {
    const session = await Session.open();
    const headers = { "Content-Type": "application/octet-stream" };
    const answer = await claim(session.url, session.handshake.maxPayload + 1, { headers });
    assert.equal(answer.status, 413);
  });

  test("refuses requests of protocol 4 for its session, which lives on", async () => {
    const session = await Session.open();
    const answer = await send(session.url.replace("EIO=3", "EIO=4"));
    assert.deepEqual(JSON.parse(answer.body), { code: 3, message: "Bad request" });
    assert.ok(await session.lives());
  });

  test("refuses bytes for a session of protocol 4 as ever", async () => {
    const answer = await send(`${endpoint}?EIO=4&transport=polling`);
    const { sid } = JSON.parse(answer.body.slice(1));
    const url = `${endpoint}?EIO=4&transport=polling&sid=${sid}`;
    const headers = { "Content-Type": "application/octet-stream" };
    assert.equal((await send(url, { method: "POST", body: Buffer.from([0, 1, 255, 50]), headers })).status, 400);
    assert.equal((await send(url)).status, 400);
  });
});

describe("WebSocket", () => {
  /** A WebSocket in `/`; pings are the client's matter. */
  async function wire(query = "") {
    const socket = new Wire(`${webSocketUrl(endpoint)}?EIO=3&transport=websocket${query}`, { answerPings: false });
    const [opened, connect, hello] = await socket.take(3);
    socket.handshake = JSON.parse(opened.slice(1));
    assert.deepEqual([connect, hello], ["40", `42["hello","${socket.handshake.sid}",null]`]);
    return socket;
  }

  test("carries binary behind the byte of its type", async () => {
    const socket = await wire();
    socket.send(`4${ECHO[0]}`);
    socket.send(Buffer.concat([Buffer.from([4]), ECHO[1]]));
    assert.deepEqual(await socket.take(2), [`4${ECHOED[0][1]}`, Buffer.from([4, 0, 1, 254, 255])]);
    socket.drop();
  });

  test("carries binary as base64 text for a client that reads no other", async () => {
    const socket = await wire("&b64=1");
    socket.send(`4${ECHO[0]}`);
    socket.send("b4AAH+/w==");
    assert.deepEqual(await socket.take(2), [`4${ECHOED[0][1]}`, "b4AAH+/w=="]);
    socket.drop();
  });

  test("answers pings, sends none, and closes a silent client at interval and time-out together", async () => {
    const socket = await wire();
    socket.send("2");
    assert.equal(await socket.next(), "3");
    const begun = performance.now();
    const { at } = await socket.close();
    assert.equal(socket.unread, 0);
    // Timers may be some milliseconds off in either direction.
    assert.ok(at - begun > 1750, `closed after ${at - begun} ms`);
  });

  for (const [what, frame] of [
    ["a pong", "3"],
    ["an empty text", ""],
    ["an empty binary message", Buffer.alloc(0)],
    ["a binary message without type", Buffer.from([1, 2, 3])],
    ["base64 of protocol 4", "bAQIDBA=="],
  ]) {
    test(`closes at ${what}`, async () => {
      const socket = await wire();
      socket.send(frame);
      await socket.close();
    });
  }

  test("takes over from polling, each transport in its own form", async () => {
    const session = await Session.open("&b64=1");
    const url = `${webSocketUrl(endpoint)}?EIO=3&transport=websocket&sid=${session.sid}`;
    const socket = new Wire(url, { answerPings: false });
    await once(socket.socket, "open");
    const poll = session.get();
    socket.send("2probe");
    assert.equal(await socket.next(), "3probe");
    assert.equal((await poll).body, "1:6");
    await session.post(encode(ECHO, false));
    assert.match((await session.get()).body, /10:b4AAH\+\/w==$/);
    socket.send("5");
    socket.send(`4${ECHO[0]}`);
    socket.send(Buffer.concat([Buffer.from([4]), ECHO[1]]));
    assert.deepEqual(await socket.take(2), [`4${ECHOED[0][1]}`, Buffer.from([4, 0, 1, 254, 255])]);
    assert.equal((await session.get()).status, 400);
    socket.drop();
  });
});
