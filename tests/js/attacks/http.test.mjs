// Requests that no well-behaved client sends, against the chat service. That a POST of a known or a chunked length over the
// limit gets 413 and that characters may be split anywhere is shown in engine-protocol.test.mjs.

import assert from "node:assert/strict";
import { after, describe } from "node:test";
import { chat } from "../support/attacked.mjs";
import { Polling } from "../support/engine-client.mjs";
import { exchange, upgradeRequest } from "../support/raw-http.mjs";
import { Sqlite, freshEmail } from "../support/roomcast.mjs";
import { besiege } from "../support/siege.mjs";
import { Tcp, answerUntilClosed } from "../support/tcp.mjs";
import { until } from "../support/wait.mjs";

const MAX_HEAD = 16 * 1024;
/** A head and a body have 10 s to come; the test allows for a busy machine. */
const SLOW = 10_000;
const SLOW_ENOUGH = 16_000;

const HIDDEN = "GET /healthz HTTP/1.1\r\nHost: hidden\r\n\r\n";
const HANDSHAKE = "/socket.io/?EIO=4&transport=polling";

/** A POST to a route of the service whose framing is written by hand. */
function post(route, framing, body = "") {
  return `POST ${route} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n${framing}\r\n\r\n${body}`;
}

/** Framings that two servers in a row may understand differently. */
const AMBIGUOUS = [
  ["Content-Length with Transfer-Encoding", "Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n"],
  ["Transfer-Encoding with Content-Length", "Transfer-Encoding: chunked\r\nContent-Length: 4", "0\r\n\r\n"],
  ["two Transfer-Encoding", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"],
  ["chunked that is not the last coding", "Transfer-Encoding: chunked, identity", "0\r\n\r\n"],
  ["an unknown coding", "Transfer-Encoding: xchunked", "0\r\n\r\n"],
  ["a blank before the colon", "Transfer-Encoding : chunked", "0\r\n\r\n"],
  ["a folded line", "Transfer-Encoding:\r\n chunked", "0\r\n\r\n"],
  ["two Content-Length that differ", "Content-Length: 0\r\nContent-Length: 5", ""],
  ["a list of lengths", "Content-Length: 0, 5", ""],
  ["Content-Length: +5", "Content-Length: +5", "{}   "],
  ["Content-Length: -1", "Content-Length: -1", ""],
  ["Content-Length: 0x2", "Content-Length: 0x2", "{}"],
  ["Content-Length: 1 2", "Content-Length: 1 2", "{}"],
  ["a Content-Length over 64 bits", "Content-Length: 18446744073709551618", "{}"],
  ["a chunk of 2^64 bytes", "Transfer-Encoding: chunked", "10000000000000000\r\n{}"],
  ["a chunk size with a sign", "Transfer-Encoding: chunked", "+2\r\n{}\r\n0\r\n\r\n"],
  ["a chunk size with 0x", "Transfer-Encoding: chunked", "0x2\r\n{}\r\n0\r\n\r\n"],
  ["no chunk size", "Transfer-Encoding: chunked", "\r\n{}\r\n0\r\n\r\n"],
  ["a chunk longer than it says", "Transfer-Encoding: chunked", "2\r\n{}{}\r\n0\r\n\r\n"],
];

function answers(text) {
  return text.split("HTTP/1.1 ").length - 1;
}

describe("requests", () => {
  const store = new Sqlite();
  after(() => store.close());
  const siege = besiege(() => chat(store));

  for (const [what, framing, body] of AMBIGUOUS) {
    for (const route of ["/auth/login", HANDSHAKE]) {
      siege.attack(`${what} hides no second request (${route})`, async () => {
        const text = await answerUntilClosed(siege.port, post(route, framing, body + HIDDEN));
        assert.ok(answers(text) <= 1, text);
        assert.ok(!text.includes("healthy"), text);
        if (text !== "") assert.match(text, /^HTTP\/1\.1 4\d\d /);
      });
    }
  }

  for (const [what, opening, piece] of [
    ["chunk extensions", "1;", "a".repeat(1000)],
    ["trailers", "0\r\n", `a: ${"b".repeat(994)}\r\n`],
    ["empty trailers", "0\r\n", "a:\r\n".repeat(250)],
  ]) {
    for (const route of ["/auth/login", HANDSHAKE, "session"]) {
      siege.attack(`${what} without end are cut (${route})`, async () => {
        const { port, server } = siege;
        const tcp = await Tcp.connect(port);
        let target = route;
        if (route === "session") {
          const { sid } = await Polling.open(`${server.roomcast.url}/socket.io/`);
          target = `${HANDSHAKE}&sid=${sid}`;
        }
        await tcp.write(post(target, "Transfer-Encoding: chunked", opening));
        // What lies in the buffers of both systems is not what the server has read.
        await tcp.writeForEver(Buffer.from(piece), 16_000_000);
      });
    }
  }

  for (const [what, lines] of [
    ["more lines than are kept", Array.from({ length: 150 }, (_, i) => `X-${i}: a`)],
    ["a line longer than a head may be", [`X: ${"a".repeat(MAX_HEAD)}`]],
    ["a name longer than a head may be", [`${"X".repeat(MAX_HEAD)}: a`]],
    ["a cookie bomb", Array.from({ length: 90 }, (_, i) => `Cookie: ${`c${i}=d; `.repeat(40)}`)],
  ]) {
    siege.attack(`a head of ${what} is answered 431, an upgrade too`, async () => {
      const head = `Host: h\r\n${lines.join("\r\n")}\r\n`;
      assert.match(await answerUntilClosed(siege.port, `GET /healthz HTTP/1.1\r\n${head}\r\n`), /^HTTP\/1\.1 431 /);
      const upgrade = upgradeRequest("/socket.io/?EIO=4&transport=websocket").replace("Host: 127.0.0.1\r\n", head);
      assert.match(await answerUntilClosed(siege.port, upgrade), /^HTTP\/1\.1 431 /);
    });
  }

  siege.attack("a request line longer than a head may be is refused", async () => {
    const text = await answerUntilClosed(siege.port, `GET /${"a".repeat(MAX_HEAD)} HTTP/1.1\r\nHost: h\r\n\r\n`);
    assert.match(text, /^HTTP\/1\.1 4(14|31) /);
  });

  siege.attack("twenty heads that come in dribbles are read without hurting anybody", async () => {
    const head = `GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: ${"a".repeat(2000)}\r\n\r\n`;
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const tcp = await Tcp.connect(siege.port);
        await tcp.dribble(head);
        assert.match(await tcp.end(), /^HTTP\/1\.1 200 /);
      }),
    );
  });

  siege.attack("a body in chunks of one byte, each in a segment of its own, is read", async () => {
    const tcp = await Tcp.connect(siege.port);
    const body = JSON.stringify({ email: freshEmail(), password: "x".repeat(70), padding: "a".repeat(2000) });
    await tcp.write(post("/auth/login", "Transfer-Encoding: chunked\r\nConnection: close"));
    for (const byte of body) await tcp.write(`1\r\n${byte}\r\n`);
    await tcp.write("0\r\n\r\n");
    assert.match(await tcp.end(), /^HTTP\/1\.1 401 /);
  });

  siege.attack("two hundred kilobytes in chunks of one byte are one payload", async () => {
    const session = await Polling.open(`${siege.server.roomcast.url}/socket.io/`);
    const tcp = await Tcp.connect(siege.port);
    await tcp.write(post(`${HANDSHAKE}&sid=${session.sid}`, "Transfer-Encoding: chunked\r\nConnection: close"));
    await tcp.write("1\r\n4\r\n".concat("1\r\na\r\n".repeat(200_000), "0\r\n\r\n"));
    // A message that is no packet of Socket.IO ends the session, which shows that it was read.
    await tcp.end();
    await until("end of the session", async () => {
      const answer = await session.get().catch(() => null);
      return answer?.status === 400;
    });
  });

  siege.attack(
    "two thousand silent connections, slow heads and slow bodies end after 10 s",
    async () => {
      const { port, server } = siege;
      const sessions = await Promise.all([0, 1, 2].map(() => Polling.open(`${server.roomcast.url}/socket.io/`)));
      const silent = [];
      // In portions: the system keeps no more than some hundreds that wait to be accepted, and forgets the others.
      while (silent.length < 2000) silent.push(...(await Promise.all(Array.from({ length: 100 }, () => Tcp.connect(port)))));
      const begin = performance.now();
      const slow = async (bytes, drop) => {
        const tcp = await Tcp.connect(port);
        await tcp.write(bytes);
        const timer = setInterval(() => tcp.write(drop), 500);
        const text = await tcp.end(SLOW_ENOUGH).finally(() => clearInterval(timer));
        assert.ok(performance.now() - begin > SLOW * 0.9, "not before its time");
        return text;
      };
      const bodies = [
        slow(post("/auth/login", "Content-Length: 900"), "a"),
        slow(post("/auth/login", "Transfer-Encoding: chunked"), "1\r\na\r\n"),
        slow(post(`${HANDSHAKE}&sid=${sessions[0].sid}`, "Content-Length: 900"), "a"),
        slow(post(`${HANDSHAKE}&sid=${sessions[1].sid}`, "Transfer-Encoding: chunked"), "1\r\na\r\n"),
      ];
      // Zeros before a chunk's size make it no larger, however many come; they are no progress either.
      const zeros = "0".repeat(1000);
      bodies.push(
        slow(post("/auth/login", "Transfer-Encoding: chunked"), zeros),
        slow(post(`${HANDSHAKE}&sid=${sessions[2].sid}`, "Transfer-Encoding: chunked"), zeros),
      );
      const heads = [slow("GET /healthz HTTP/1.1\r\nHost: h\r\nX: ", "a"), slow("G", "E")];
      for (const text of await Promise.all([...bodies, ...heads])) assert.match(text, /^HTTP\/1\.1 408 /);
      for (const text of await Promise.all(silent.map((tcp) => tcp.end(SLOW_ENOUGH)))) assert.equal(text, "");
      for (const session of sessions) assert.equal((await session.get()).body, '{"code":1,"message":"Session ID unknown"}');
    },
    { timeout: 60_000 },
  );

  siege.attack("line breaks and control characters in an Origin come back nowhere", async () => {
    for (const origin of ["http://a\r\n\tX-Injected: 1", "http://a\nX-Injected: 1", "http://a\rX-Injected: 1", "http://a\0b"]) {
      const text = await exchange(siege.port, `GET ${HANDSHAKE} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nOrigin: ${origin}\r\n\r\n`);
      const head = text.split("\r\n\r\n")[0];
      assert.match(head, /^HTTP\/1\.1 4\d\d /);
      assert.doesNotMatch(head, /injected/i);
    }
    for (const origin of ["http://a%0d%0aX-Injected:%201", "https://app.example%0d%0aX-Injected: 1"]) {
      const text = await exchange(siege.port, `GET ${HANDSHAKE} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nOrigin: ${origin}\r\n\r\n`);
      assert.match(text, /^HTTP\/1\.1 403 /);
      assert.doesNotMatch(text, /injected/i);
    }
  });

  for (const target of [
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2f..%2fetc%2fpasswd",
    "/%252e%252e%252fetc%252fpasswd",
    "/..%c0%af..%c0%afetc/passwd",
    "/..\\..\\etc\\passwd",
    "//etc/passwd",
    "///etc/passwd",
    "/css/../../../etc/passwd",
    "/js/%2e%2e/%2e%2e/.env",
    "/.env",
    "/.git/config",
    "/data/roomcast.db",
    "/etc/passwd%00.css",
    "file:///etc/passwd",
    "http://localhost/../etc/passwd",
  ]) {
    siege.attack(`the path ${target} leads to no file`, async () => {
      const text = await exchange(siege.port, `GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
      assert.match(text, /^HTTP\/1\.1 4\d\d /);
      assert.doesNotMatch(text, /root:|JWT_SECRET|SQLite format/);
    });
  }

  siege.leavesNothing();
});
