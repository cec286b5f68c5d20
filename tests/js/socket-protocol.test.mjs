// The Socket.IO protocol 5 of the `conformance` example at /socket.io/, packet by packet, without any client library.
//
// The example knows the namespaces / and /custom. On connection it emits `auth` with the CONNECT payload, answers
// `message` with `message-back` and `message-with-ack` with an acknowledgement, each with the same arguments.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Polling, SEPARATOR, Wire, upgrade } from "./support/engine-client.mjs";
import { startConformance } from "./support/program.mjs";
import { send } from "./support/raw-http.mjs";
import { within } from "./support/wait.mjs";

let server;
let endpoint;

before(async () => {
  server = await startConformance();
  endpoint = `${server.url}/socket.io/`;
});
after(() => server?.kill());

/** Opens a WebSocket session and joins a namespace; the CONNECT answer and the `auth` event are read. */
async function connected(namespace = "") {
  const wire = await Wire.open(endpoint);
  await join(wire, namespace);
  return wire;
}

async function join(wire, namespace = "", auth = "") {
  wire.send(`40${namespace}${auth}`);
  const answer = await wire.next();
  assert.ok(answer.startsWith(`40${namespace}{"sid":`), answer);
  assert.equal(await wire.next(), `42${namespace}["auth",${auth || "{}"}]`);
  return JSON.parse(answer.slice(2 + namespace.length));
}

/** Sends packets and expects exactly `replies`; a last round trip shows that nothing else comes. */
async function exchangePackets(wire, packets, replies, namespace = "") {
  for (const packet of packets) wire.send(packet);
  for (const reply of replies) assert.deepEqual(await wire.next(), reply);
  wire.send(`42${namespace}["message","fence"]`);
  assert.equal(await wire.next(), `42${namespace}["message-back","fence"]`);
}

describe("CONNECT", () => {
  test("is answered with a fresh socket id that is not the session id", async () => {
    const wire = await Wire.open(endpoint);
    const answer = await join(wire);
    assert.deepEqual(Object.keys(answer), ["sid"]);
    assert.match(answer.sid, /^[A-Za-z0-9_-]{20}$/);
    assert.notEqual(answer.sid, wire.sid);
    wire.drop();
  });

  test("hands its payload to the server", async () => {
    const wire = await Wire.open(endpoint);
    // Keys in their order and numbers as they were sent.
    await join(wire, "", '{"token":"abc","b":1,"a":[null,true,1.5],"é":"🦀"}');
    wire.drop();
  });

  test("works for a custom namespace, with and without payload", async () => {
    for (const auth of ["", '{"token":"abc"}']) {
      const wire = await Wire.open(endpoint);
      await join(wire, "/custom,", auth);
      wire.drop();
    }
  });

  test("for a custom namespace without comma is the same", async () => {
    const wire = await Wire.open(endpoint);
    wire.send("40/custom");
    assert.match(await wire.next(), /^40\/custom,\{"sid":"[^"]{20}"\}$/);
    wire.drop();
  });

  test("of several namespaces gives each its own id", async () => {
    const wire = await Wire.open(endpoint);
    const main = await join(wire);
    const custom = await join(wire, "/custom,");
    assert.equal(new Set([main.sid, custom.sid, wire.sid]).size, 3);
    await exchangePackets(wire, ['42["message",1]', '42/custom,["message",2]'], [
      '42["message-back",1]',
      '42/custom,["message-back",2]',
    ]);
    wire.drop();
  });

  test("to a custom namespace does not connect to the main one", async () => {
    const wire = await connected("/custom,");
    wire.send('42["message",1]');
    await wire.close();
  });

  test("to an unknown namespace is refused and the connection lives on", async () => {
    const wire = await Wire.open(endpoint);
    wire.send("40/random");
    assert.equal(await wire.next(), '44/random,{"message":"Invalid namespace"}');
    await join(wire);
    wire.send('40/random,{"token":"abc"}');
    assert.equal(await wire.next(), '44/random,{"message":"Invalid namespace"}');
    await exchangePackets(wire, [], []);
    wire.drop();
  });

  test("takes a query as part of the name", async () => {
    const wire = await Wire.open(endpoint);
    wire.send("40/custom?token=1,");
    assert.equal(await wire.next(), '44/custom?token=1,{"message":"Invalid namespace"}');
    wire.drop();
  });

  test("over polling is answered in one payload with the first event", async () => {
    const session = await Polling.open(endpoint);
    await session.post('40{"a":1}');
    const [answer, event] = await session.take(2);
    assert.match(answer, /^40\{"sid":"[^"]{20}"\}$/);
    assert.equal(event, '42["auth",{"a":1}]');
  });
});

describe("EVENT", () => {
  test("of one payload are served in order", async () => {
    const session = await Polling.open(endpoint);
    await session.post("40");
    await session.take(2);
    await session.post(['42["message",1]', '421["message-with-ack",2]', '42["message",3]'].join(SEPARATOR));
    assert.deepEqual(await session.take(3), ['42["message-back",1]', "431[2]", '42["message-back",3]']);
  });

  for (const args of [
    "",
    ",1",
    ",null",
    ',1,"2",[3,[4,{}]],{"b":1,"a":{"z":null,"y":[]}},null,true,false',
    ',""',
    ',"héllo 🦀 \\u2028 \\\\ \\" \\n"',
    ",1.5,-0.1,1e+21,123456789012,0",
    ",{}",
    ',"x","x","x"',
  ]) {
    test(`keeps the arguments [${args.slice(1)}]`, async () => {
      const wire = await connected();
      wire.send(`42["message"${args}]`);
      const echo = await wire.next();
      assert.ok(echo.startsWith("42"));
      // Escapes may be written in another way, so the texts are compared as values and their keys in order.
      const expected = JSON.parse(`["message-back"${args}]`);
      assert.equal(JSON.stringify(JSON.parse(echo.slice(2))), JSON.stringify(expected));
      wire.drop();
    });
  }

  test("that nobody listens to is ignored", async () => {
    const wire = await connected();
    await exchangePackets(wire, ['42["nobody",1]', '427["nobody",1]', '42["hasOwnProperty"]', '42["__proto__",1]'], []);
    wire.drop();
  });

  test("may be named by a number, which nobody listens to", async () => {
    const wire = await connected();
    await exchangePackets(wire, ["42[5,1]"], []);
    wire.drop();
  });

  test("is not mistaken for binary by a placeholder", async () => {
    const wire = await connected();
    const placeholder = '{"_placeholder":true,"num":0}';
    await exchangePackets(wire, [`42["message",${placeholder}]`], [`42["message-back",${placeholder}]`]);
    wire.drop();
  });

  test("in a namespace is answered in that namespace", async () => {
    const wire = await connected("/custom,");
    await exchangePackets(wire, ['42/custom,["message",1,{"a":2}]'], ['42/custom,["message-back",1,{"a":2}]'], "/custom,");
    wire.drop();
  });

  test("many in a row come back in order", async () => {
    const wire = await connected();
    const numbers = Array.from({ length: 500 }, (_, i) => i);
    await exchangePackets(
      wire,
      numbers.map((i) => `42["message",${i}]`),
      numbers.map((i) => `42["message-back",${i}]`),
    );
    wire.drop();
  });
});

describe("ACK", () => {
  test("carries the id and the arguments", async () => {
    const wire = await connected();
    await exchangePackets(
      wire,
      [
        '42456["message-with-ack",1,"2",{"3":[false]}]',
        '420["message-with-ack"]',
        '429007199254740991["message-with-ack",null]',
      ],
      ['43456[1,"2",{"3":[false]}]', "430[]", "439007199254740991[null]"],
    );
    wire.drop();
  });

  test("in a namespace names it", async () => {
    const wire = await connected("/custom,");
    await exchangePackets(wire, ['42/custom,7["message-with-ack",1]'], ["43/custom,7[1]"], "/custom,");
    wire.drop();
  });

  test("with an unknown id is ignored", async () => {
    const wire = await connected();
    await exchangePackets(wire, ['43999["x"]', '43999["x"]', '461-998[{"_placeholder":true,"num":0}]', Buffer.from([1])], []);
    wire.drop();
  });
});

describe("binary", () => {
  const one = '{"_placeholder":true,"num":0}';
  const two = '{"_placeholder":true,"num":1}';

  test("event is answered with the same bytes", async () => {
    const wire = await connected();
    const bytes = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];
    await exchangePackets(
      wire,
      [`452-["message",${one},${two}]`, ...bytes],
      [`452-["message-back",${one},${two}]`, ...bytes],
    );
    wire.drop();
  });

  test("acknowledgement is answered with the same bytes", async () => {
    const wire = await connected();
    const bytes = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];
    await exchangePackets(
      wire,
      [`452-789["message-with-ack",${one},${two}]`, ...bytes],
      [`462-789[${one},${two}]`, ...bytes],
    );
    wire.drop();
  });

  test("may be nested and mixed, in document order", async () => {
    const wire = await connected();
    const nested = `[{"a":[${one},null,{"b":${two}}]},"text"]`;
    const bytes = [Buffer.from([0]), Buffer.from([255, 254])];
    await exchangePackets(
      wire,
      [`452-["message",${nested}]`, ...bytes],
      [`452-["message-back",${nested}]`, ...bytes],
    );
    wire.drop();
  });

  test("placeholders may name the attachments in any order", async () => {
    const wire = await connected();
    for (const frame of [`452-["message",${two},${one}]`, Buffer.from("first"), Buffer.from("second")]) wire.send(frame);
    const [header, ...attachments] = await wire.take(3);
    assert.ok(header.startsWith("452-"), header);
    // The answer may number them anew, as the reference does, or send them as they came.
    const [name, ...places] = JSON.parse(header.slice(4));
    assert.equal(name, "message-back");
    assert.deepEqual(
      places.map(({ num }) => attachments[num].toString()),
      ["second", "first"],
    );
    wire.drop();
  });

  test("may be empty", async () => {
    const wire = await connected();
    await exchangePackets(wire, [`451-["message",${one}]`, Buffer.alloc(0)], [`451-["message-back",${one}]`, Buffer.alloc(0)]);
    wire.drop();
  });

  test("works in a namespace and over polling", async () => {
    const session = await Polling.open(endpoint);
    await session.post("40/custom,");
    await session.take(2);
    await session.post([`451-/custom,5["message-with-ack",${one}]`, "bAQIDBA=="].join(SEPARATOR));
    assert.deepEqual(await session.take(2), [`461-/custom,5[${one}]`, "bAQIDBA=="]);
  });

  test("may have ten attachments", async () => {
    const wire = await connected();
    const places = Array.from({ length: 10 }, (_, num) => `{"_placeholder":true,"num":${num}}`).join(",");
    const bytes = Array.from({ length: 10 }, (_, i) => Buffer.from([i]));
    await exchangePackets(wire, [`4510-["message",${places}]`, ...bytes], [`4510-["message-back",${places}]`, ...bytes]);
    wire.drop();
  });

  test("half received ends with its connection", async () => {
    const wire = await connected();
    wire.send(`452-["message",${one},${two}]`);
    wire.send(Buffer.from([1]));
    wire.drop();
    const next = await connected();
    await exchangePackets(next, ['42["message",1]'], ['42["message-back",1]']);
    next.drop();
  });
});

describe("DISCONNECT", () => {
  test("leaves one namespace; the others and the connection live on", async () => {
    const wire = await connected();
    await join(wire, "/custom,");
    wire.send("41/custom,");
    await exchangePackets(wire, [], []);
    wire.drop();
  });

  test("of the last namespace keeps the connection, and a new CONNECT gets a new id", async () => {
    const wire = await Wire.open(endpoint);
    const first = await join(wire);
    wire.send("41");
    // The reference acts on a DISCONNECT a moment later than on a CONNECT that follows in the same segment. A refused
    // CONNECT is a round trip that lets it do so, and there is still no namespace joined.
    wire.send("40/nowhere,");
    assert.equal(await wire.next(), '44/nowhere,{"message":"Invalid namespace"}');
    const second = await join(wire);
    assert.notEqual(second.sid, first.sid);
    await exchangePackets(wire, [], []);
    wire.drop();
  });
});

// Each of these ends the connection. They are sent in a session that has joined the main namespace.
const VIOLATIONS = [
  ["a second CONNECT", "40"],
  ["a second CONNECT with payload", '40{"a":1}'],
  ["CONNECT with a string as payload", '40/custom,"text"'],
  ["CONNECT with an array as payload", "40/custom,[]"],
  ["CONNECT with broken JSON", "40/custom,{"],
  ["an event in a namespace not joined", '42/custom,["message",1]'],
  ["an acknowledgement in a namespace not joined", "43/custom,1[]"],
  ["DISCONNECT of a namespace not joined", "41/custom,"],
  ["DISCONNECT with payload", "41{}"],
  ["CONNECT_ERROR", '44{"message":"x"}'],
  ["an unknown packet type", "49"],
  ["a letter as packet type", "4abc"],
  ["an empty message", "4"],
  ["an event without array", "42{}"],
  ["an event with an empty array", "42[]"],
  ["an event with broken JSON", '42["message"'],
  ["an event with bytes after its JSON", '42["message"]x'],
  ["an event named by an object", "42[{}]"],
  ["an event named by null", "42[null]"],
  ["an event named by true", "42[true]"],
  ["an event named connect", '42["connect"]'],
  ["an event named connect_error", '42["connect_error"]'],
  ["an event named disconnect", '42["disconnect"]'],
  ["an event named disconnecting", '42["disconnecting"]'],
  ["an event named newListener", '42["newListener"]'],
  ["an event named removeListener", '42["removeListener"]'],
  ["an event whose id is no number", '42x["message"]'],
  ["an event whose id ends in a letter", '421x["message"]'],
  ["an acknowledgement without array", '431{"a":1}'],
  ["a binary event without count", '45["message"]'],
  ["a binary event without dash", "451"],
  ["a binary event whose count is no number", '45x-["message"]'],
  ["a binary event whose count is no integer", '451.5-["message",{"_placeholder":true,"num":0}]'],
  ["a binary event without attachments", '450-["message"]'],
  ["eleven attachments", '4511-["message",{"_placeholder":true,"num":0}]'],
  ["a billion attachments", '451000000000-["message",{"_placeholder":true,"num":0}]'],
  ["more attachments than a number can count", '45999999999999999999999999-["message",{"_placeholder":true,"num":0}]'],
];
const MIXED_VIOLATIONS = [
  ["binary that nobody announced", [Buffer.from([1])]],
  ["text while attachments are missing", ['451-["message",{"_placeholder":true,"num":0}]', '42["message",1]']],
  ["a placeholder out of range", ['451-["message",{"_placeholder":true,"num":1}]', Buffer.from([1])]],
  ["a negative placeholder", ['451-["message",{"_placeholder":true,"num":-1}]', Buffer.from([1])]],
  ["a placeholder that is no number", ['451-["message",{"_placeholder":true,"num":"splice"}]', Buffer.from([1])]],
  ["a placeholder without number", ['451-["message",{"_placeholder":true}]', Buffer.from([1])]],
];

describe("a violation", () => {
  for (const [what, packet] of VIOLATIONS) {
    test(`closes the polling session cleanly: ${what}`, async () => {
      const session = await Polling.open(endpoint);
      await session.post("40");
      await session.take(2);
      await session.post(packet);
      assert.deepEqual(await session.body(), { status: 200, body: `6${SEPARATOR}1` });
      assert.equal((await session.get()).body, '{"code":1,"message":"Session ID unknown"}');
    });
  }

  for (const [what, packets] of MIXED_VIOLATIONS) {
    test(`closes the WebSocket: ${what}`, async () => {
      const wire = await connected();
      for (const packet of packets) wire.send(packet);
      const { at } = await wire.close();
      assert.ok(at - wire.openedAt < 480, "closed by this packet and not by the heartbeat");
      assert.equal(wire.unread, 0, "nothing is answered");
    });
  }

  test("before CONNECT closes cleanly too", async () => {
    for (const packet of ['42["message",1]', "41", "43[]", "4junk"]) {
      const session = await Polling.open(endpoint);
      await session.post(packet);
      assert.deepEqual(await session.body(), { status: 200, body: `6${SEPARATOR}1` });
    }
  });

  test("by an event after DISCONNECT closes cleanly", async () => {
    const session = await Polling.open(endpoint);
    await session.post("40");
    await session.take(2);
    await session.post("41");
    await session.post('42["message",1]');
    assert.deepEqual(await session.body(), { status: 200, body: `6${SEPARATOR}1` });
  });

  test("ends a waiting poll with a close packet", async () => {
    const session = await Polling.open(endpoint);
    await session.post("40");
    await session.take(2);
    const poll = session.beginGet();
    await poll.arrived;
    // A round trip of its own gives the poll time to arrive.
    await send(`${endpoint}?EIO=4&transport=polling`);
    await session.post("42{}");
    const { status, body } = await within(450, "end of the poll", poll.answer);
    assert.equal(status, 200);
    assert.equal(body, "1");
  });

  test("closes the WebSocket after an upgrade as well", async () => {
    for (const packet of ["45", "45woooot", "40/custom,[]"]) {
      const { wire } = await upgrade(await Polling.open(endpoint));
      await join(wire);
      wire.send(packet);
      await wire.close(450);
    }
  });

  test("of one client does not touch another", async () => {
    const innocent = await connected();
    const guilty = await connected();
    guilty.send("42{}");
    await guilty.close();
    await exchangePackets(innocent, ['42["message",1]'], ['42["message-back",1]']);
    innocent.drop();
  });
});

describe("transport", () => {
  test("change keeps the namespace and its socket", async () => {
    const session = await Polling.open(endpoint);
    await session.post("40");
    await session.take(2);
    const { wire } = await upgrade(session);
    await exchangePackets(wire, ['42["message","after"]', '421["message-with-ack",2]'], [
      '42["message-back","after"]',
      "431[2]",
    ]);
    wire.drop();
  });

  test("errors are those of the engine", async () => {
    const answer = await send(`${endpoint}?EIO=3&transport=polling`);
    assert.equal(answer.status, 400);
    assert.equal(answer.body, '{"code":5,"message":"Unsupported protocol version"}');
  });

  test("sessions of /engine.io/ are unknown at /socket.io/", async () => {
    const session = await Polling.open(`${server.url}/engine.io/`);
    const answer = await send(`${endpoint}?EIO=4&transport=polling&sid=${session.sid}`);
    assert.equal(answer.body, '{"code":1,"message":"Session ID unknown"}');
  });
});
