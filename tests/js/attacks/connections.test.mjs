// Connections that end where no well-behaved client ends them, against the `conformance` example. Two polls or two POSTs
// at once, an upgrade that is never finished and a poll that is aborted are each shown in engine-protocol.test.mjs; here
// they come in crowds.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { conformance } from "../support/attacked.mjs";
import { Polling } from "../support/engine-client.mjs";
import { upgradeRequest } from "../support/raw-http.mjs";
import { besiege } from "../support/siege.mjs";
import { BINARY, TEXT, Tcp, frame, openWebSocket } from "../support/tcp.mjs";
import { until } from "../support/wait.mjs";

const ENGINE = "/engine.io/?EIO=4&transport=";
const SOCKET_IO = "/socket.io/?EIO=4&transport=";

const get = (path) => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
const post = (path, body) => Buffer.from(`POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`);

/** The ends of a client's side. */
const CUTS = { "half-closed": (tcp) => tcp.halfClose(), reset: (tcp) => tcp.reset() };

/** Whole dialogues as the bytes a client writes; each is cut at many points. `sid` is that of a polling session. */
const DIALOGUES = {
  "a handshake": () => get(`${ENGINE}polling`),
  "a poll": (sid) => get(`${ENGINE}polling&sid=${sid}`),
  "a POST": (sid) => post(`${ENGINE}polling&sid=${sid}`, `4${"a".repeat(100)}`),
  "an upgrade": (sid) =>
    Buffer.concat([
      Buffer.from(upgradeRequest(`${ENGINE}websocket&sid=${sid}`)),
      frame(TEXT, "2probe"),
      frame(TEXT, "5"),
      frame(TEXT, "4after"),
    ]),
  "a WebSocket": () =>
    Buffer.concat([Buffer.from(upgradeRequest(`${ENGINE}websocket`)), frame(TEXT, "4text"), frame(BINARY, "bytes")]),
  "a socket with an attachment on its way": () =>
    Buffer.concat([
      Buffer.from(upgradeRequest(`${SOCKET_IO}websocket`)),
      frame(TEXT, "40"),
      frame(TEXT, '451-["message-with-ack",{"_placeholder":true,"num":0}]'),
      frame(BINARY, "an attachment"),
    ]),
};
/** How many points a dialogue is cut at, spread over its bytes; the last one is its end. */
const POINTS = 24;

/** Runs the same work for many clients, some at a time. */
async function crowd(count, work) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 20 }, worker));
}

describe("connections", () => {
  const siege = besiege(conformance);
  const endpoint = () => `http://127.0.0.1:${siege.port}/engine.io/`;

  for (const [what, dialogue] of Object.entries(DIALOGUES)) {
    for (const [how, cut] of Object.entries(CUTS)) {
      siege.attack(`${what} that is ${how} at ${POINTS} points harms nobody`, () =>
        crowd(POINTS, async (i) => {
          const needsSession = dialogue.length > 0;
          const bytes = dialogue(needsSession ? (await Polling.open(endpoint())).sid : undefined);
          const tcp = await Tcp.connect(siege.port);
          await tcp.write(bytes.subarray(0, Math.ceil((bytes.length * (i + 1)) / POINTS)));
          cut(tcp);
          // A server that has been told that nothing more comes must not keep what cannot be completed.
          if (how === "half-closed") await tcp.end(2000);
        }),
      );
    }
  }

  siege.attack("polls that are aborted, a hundred of them, end their sessions and nothing else", () =>
    crowd(100, async () => {
      const session = await Polling.open(endpoint());
      const poll = session.beginGet();
      await poll.arrived;
      poll.request.destroy();
    }),
  );

  siege.attack("polls and POSTs of a hundred sessions, three at once, end these sessions and nothing else", () =>
    crowd(100, async () => {
      const { sid } = await Polling.open(endpoint());
      const tcps = await Promise.all([0, 1, 2, 3, 4, 5].map(() => Tcp.connect(siege.port)));
      await Promise.all(
        tcps.map((tcp, i) => {
          const path = `${ENGINE}polling&sid=${sid}`;
          return tcp.write(i % 2 === 0 ? get(path) : post(path, "4a").subarray(0, -1));
        }),
      );
      const told = () => tcps.some((tcp) => tcp.text.startsWith("HTTP/1.1 400 "));
      await until("a refusal", told, { every: 2 });
      for (const tcp of tcps) tcp.reset();
    }),
  );

  siege.attack("upgrades that are given up after the probe, a hundred of them, leave their sessions polling", () =>
    crowd(100, async () => {
      const session = await Polling.open(endpoint());
      const tcp = await openWebSocket(siege.port, `${ENGINE}websocket&sid=${session.sid}`);
      await tcp.write(frame(TEXT, "2probe"));
      await tcp.until((text) => text.includes("3probe"));
      tcp.reset();
      await session.post("4still polling");
      await until("its echo", async () => (await session.next()) === "4still polling");
      await session.post("1").catch(() => {});
    }),
  );

  siege.attack("upgrades on a foreign path that are reset at once, two hundred of them, open nothing", () =>
    crowd(200, async (i) => {
      const tcp = await Tcp.connect(siege.port);
      await tcp.write(upgradeRequest(["/elsewhere", "/socket.io.evil/?EIO=4&transport=websocket"][i % 2]));
      if (i % 4 < 2) assert.match(await tcp.until((text) => text.includes("\r\n\r\n")), /^HTTP\/1\.1 404 /);
      tcp.reset();
    }),
  );

  for (const transport of ["__proto__", "constructor", "toString", "polling%00", "websocket,polling", "POLLING"]) {
    siege.attack(`the transport ${transport} is unknown`, async () => {
      for (const request of [get(ENGINE + transport), Buffer.from(upgradeRequest(ENGINE + transport))]) {
        const tcp = await Tcp.connect(siege.port);
        await tcp.write(request);
        assert.match(await tcp.until((text) => text.includes("Transport unknown")), /^HTTP\/1\.1 400 /);
        tcp.reset();
      }
    });
  }

  siege.attack("three hundred sockets that vanish in the middle of a message leave nothing behind", () =>
    crowd(300, async () => {
      const tcp = await openWebSocket(siege.port, `${SOCKET_IO}websocket`);
      await tcp.write(Buffer.concat([frame(TEXT, "40"), frame(TEXT, "40/custom,")]));
      await tcp.until((text) => text.includes('40{"sid"') && text.includes('40/custom,{"sid"'));
      await tcp.write(frame(TEXT, '42["message-with-ack",1]', { length: 900_000 }));
      tcp.reset();
    }),
  );

  siege.attack("ten thousand handshakes of which nobody speaks again are forgotten", () =>
    crowd(2000, async () => {
      const tcp = await Tcp.connect(siege.port);
      await tcp.write(Buffer.concat(Array.from({ length: 5 }, () => get(`${SOCKET_IO}polling`))));
      await tcp.until((text) => text.split("HTTP/1.1 200 ").length > 5);
      tcp.reset();
    }),
  );

  siege.leavesNothing();
});
