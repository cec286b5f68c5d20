// What a program can decide, add and see while requests are answered.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import { Polling, SEPARATOR } from "../support/engine-client.mjs";
import { TRANSPORTS, client, connect, disconnectAll } from "../support/official.mjs";
import { startFeature } from "../support/program.mjs";
import { exchange, parseAnswer, send, upgradeRequest } from "../support/raw-http.mjs";
import { once } from "../support/wait.mjs";

const PATH = "/socket.io/";
const OPEN = `${PATH}?EIO=4&transport=polling`;
let server;

before(async () => {
  server = await startFeature("http");
});
after(() => server?.kill());
afterEach(disconnectAll);

/** Sends a polling request. */
function get(query = "", options = {}) {
  return send(`${server.url}${OPEN}${query}`, options);
}

/** Asks for a WebSocket; answers the raw answer's head, and every value of a header that may come several times. */
async function upgrade(query = "", headers = {}) {
  const request = upgradeRequest(`${PATH}?EIO=4&transport=websocket${query}`, headers);
  const text = await exchange(server.port, request, { enough: (text) => text.includes("\r\n\r\n") });
  const all = (name) =>
    [...text.split("\r\n\r\n")[0].matchAll(new RegExp(`^${name}: (.*)$`, "gim"))].map((match) => match[1].trim());
  return { ...parseAnswer(text), all };
}

/** The refusals the server's program has seen so far. */
async function refusals() {
  const socket = await connect(server.url);
  return socket.emitWithAck("errors");
}

describe("middleware", () => {
  test("runs in order and adds headers to polling answers, refusals included", async () => {
    for (const answer of [await get(), await get("&allow=no"), await get("&sid=unknown")]) {
      assert.equal(answer.headers["x-order"], "first, second");
    }
  });

  test("runs in order and adds headers to the answer that begins a WebSocket", async () => {
    const answer = await upgrade();
    assert.match(answer.statusLine, / 101 /);
    assert.deepEqual(answer.all("x-order"), ["first", "second"]);
  });

  test("may end a request with an answer of its own", async () => {
    const answer = await get("&middleware=end");
    assert.deepEqual([answer.status, answer.body], [418, "not today"]);
    assert.equal(answer.headers["x-order"], "first, second");
    const { statusLine, body } = await upgrade("&middleware=end");
    assert.match(statusLine, / 418 /);
    assert.equal(body, "not today");
  });

  test("may fail a request, which is then a bad one", async () => {
    const answer = await get("&middleware=fail");
    assert.deepEqual([answer.status, answer.body], [400, '{"code":3,"message":"Bad request"}']);
    const { statusLine, body } = await upgrade("&middleware=fail");
    assert.match(statusLine, / 400 /);
    assert.equal(body, "Bad request");
    assert.deepEqual((await refusals()).at(-1), [3, "Bad request", ["name: MIDDLEWARE_FAILURE", "error: broken"]]);
  });
});

describe("headers", () => {
  test("of the answer that opens a session come from both hooks, and no cookie is lost", async () => {
    const answer = await get();
    const { sid } = JSON.parse(answer.body.split(SEPARATOR)[0].slice(1));
    assert.deepEqual(answer.headers["set-cookie"], [
      `io=${sid}; Path=/; HttpOnly; SameSite=Lax`,
      "initial=1",
      "each=1",
      "session=1",
    ]);
    assert.equal(answer.headers["x-hooks"], "initial=1, each=1");
  });

  test("of the answer that begins a WebSocket come from both hooks", async () => {
    const answer = await upgrade();
    assert.deepEqual(answer.all("set-cookie"), ["initial=1", "each=1", "session=1"]);
  });

  test("of later answers come from one hook alone, an upgrade included", async () => {
    const session = await Polling.open(`${server.url}${PATH}`);
    assert.equal((await session.post("40")).headers["x-hooks"], "each=1");
    assert.equal((await session.get()).headers["x-hooks"], "each=1");
    const answer = await upgrade(`&sid=${session.sid}`);
    assert.match(answer.statusLine, / 101 /);
    assert.deepEqual(answer.all("x-hooks"), ["each=1"]);
  });

  test("a page of another origin may read are on errors as well", async () => {
    const headers = { Origin: "https://a.example" };
    for (const answer of [await get("", { headers }), await get("&allow=no", { headers })]) {
      assert.equal(answer.headers["access-control-allow-origin"], "https://a.example");
      assert.equal(answer.headers["access-control-expose-headers"], "x-order");
    }
  });
});

describe("a request hook that waits", () => {
  test("refuses with its own text and status 403", async () => {
    const answer = await get("&allow=no");
    assert.deepEqual([answer.status, answer.body], [403, '{"code":4,"message":"not you"}']);
    const { statusLine, body } = await upgrade("&allow=no");
    assert.match(statusLine, / 400 /);
    assert.equal(body, "not you");
    assert.deepEqual((await refusals()).at(-1), [4, "not you", ["message: not you"]]);
  });

  test("is an error for the official client over both transports", async () => {
    for (const transports of [["polling"], ["websocket"]]) {
      const socket = client(server.url, { transports, query: { allow: "no" }, reconnection: false });
      const [error] = await once(socket, "connect_error");
      assert.ok(error instanceof Error);
    }
  });
});

describe("an id generator that waits", () => {
  test("fails the request when it fails", async () => {
    const answer = await get("&id=fail");
    assert.deepEqual([answer.status, answer.body], [400, '{"code":3,"message":"Bad request"}']);
    assert.match((await upgrade("&id=fail")).statusLine, / 400 /);
    assert.deepEqual((await refusals()).at(-1), [3, "Bad request", ["name: ID_GENERATION_ERROR", "error: out of ids"]]);
  });

  test("decides the id, and cannot hand a session over to a stranger", async () => {
    const id = "custom-id_0123456789";
    const session = await Polling.open(`${server.url}${PATH}`);
    assert.notEqual(session.sid, id);
    const answer = await get(`&id=${id}`);
    assert.equal(JSON.parse(answer.body.split(SEPARATOR)[0].slice(1)).sid, id);
    assert.equal((await get(`&id=${id}`)).status, 400);
    assert.match((await upgrade(`&id=${id}`)).statusLine, / 400 /);
    assert.equal((await get(`&sid=${id}`, { method: "POST", body: "40" })).body, "ok");
  });
});

describe("an initial packet", () => {
  test("travels in the same response as the open packet", async () => {
    const [open, packet, ...rest] = (await get()).body.split(SEPARATOR);
    assert.match(open, /^0\{/);
    assert.deepEqual([packet, rest], ['42["early",1]', []]);
  });

  for (const [name, transports] of Object.entries(TRANSPORTS)) {
    test(`reaches the official client, ${name}`, async () => {
      const socket = client(server.url, { transports });
      assert.deepEqual(await once(socket, "early"), [1]);
    });
  }
});

test("the program sees what was wrong with each refused request", async () => {
  const cases = [
    ["?EIO=4&transport=__proto__", {}, 0, ["transport: __proto__"]],
    [`?EIO=4&transport=polling&sid=who`, {}, 1, ["sid: who"]],
    ["?EIO=4&transport=polling", { method: "POST" }, 2, ["method: POST"]],
    ["?EIO=4&transport=websocket", {}, 3, ["name: TRANSPORT_HANDSHAKE_ERROR"]],
    ["?EIO=3&transport=polling", {}, 5, ["protocol: 3"]],
  ];
  for (const [query, options, code, context] of cases) {
    const answer = await send(`${server.url}${PATH}${query}`, options);
    assert.equal(JSON.parse(answer.body).code, code);
    const [seen, , told] = (await refusals()).at(-1);
    assert.deepEqual([seen, told], [code, context]);
  }
});

describe("compression of polling responses", () => {
  /** The response to a poll that brings an event with `length` characters. */
  async function big(length, accepted, event = "big") {
    const session = await Polling.open(`${server.url}${PATH}`);
    await session.post("40");
    await session.get();
    const headers = accepted === undefined ? {} : { "Accept-Encoding": accepted };
    const answer = session.get({ headers });
    await session.post(event === "big" ? `420["big",${length}]` : `42["${event}",${length}]`);
    return answer;
  }

  test("is gzip or deflate, as the client likes best", async () => {
    const gzip = await big(2000, "gzip, deflate, br");
    assert.equal(gzip.headers["content-encoding"], "gzip");
    assert.ok(gzip.bytes.length < 200);
    assert.equal(gunzipSync(gzip.bytes).toString(), `430["${"x".repeat(2000)}"]`);
    const deflate = await big(200_000, "gzip;q=0.1, deflate");
    assert.equal(deflate.headers["content-encoding"], "deflate");
    assert.equal(inflateSync(deflate.bytes).toString(), `430["${"x".repeat(200_000)}"]`);
  });

  test("is for responses of 1,024 bytes and more", async () => {
    const around = '430[""]'.length;
    assert.equal((await big(1023 - around, "gzip")).headers["content-encoding"], undefined);
    assert.equal((await big(1024 - around, "gzip")).headers["content-encoding"], "gzip");
  });

  test("is not for clients that cannot read it, nor for events that were sent without", async () => {
    assert.equal((await big(2000)).headers["content-encoding"], undefined);
    assert.equal((await big(2000, "br")).headers["content-encoding"], undefined);
    const plain = await big(2000, "gzip", "plain");
    assert.equal(plain.headers["content-encoding"], undefined);
    assert.equal(plain.body, `42["plain","${"x".repeat(2000)}"]`);
  });
});

describe("the client library", () => {
  const file = (name, headers = {}) => send(`${server.url}${PATH}${name}`, { headers });

  test("is served with type, version and rules for other origins, whatever the query", async () => {
    const script = "application/javascript; charset=utf-8";
    for (const [name, type] of [
      ["socket.io.min.js", script],
      ["socket.io.min.js?v=1", script],
      ["socket.io.msgpack.min.js", script],
      ["socket.io.esm.min.js", script],
      ["socket.io.min.js.map", "application/json"],
    ]) {
      const answer = await file(name, { Origin: "https://a.example" });
      assert.equal(answer.status, 200, name);
      assert.equal(answer.headers["content-type"], type);
      assert.equal(answer.headers.etag, '"4.8.4"');
      assert.equal(answer.headers["cache-control"], "public, max-age=0");
      assert.equal(answer.headers["access-control-allow-origin"], "https://a.example");
    }
  });

  test("is not sent again to those who have it", async () => {
    for (const tag of ['"4.8.4"', 'W/"4.8.4"']) {
      const answer = await file("socket.io.min.js", { "If-None-Match": tag });
      assert.deepEqual([answer.status, answer.body], [304, ""]);
    }
  });

  test("is compressed by Brotli, gzip or deflate", async () => {
    const brotli = await file("socket.io.min.js", { "Accept-Encoding": "gzip, deflate, br" });
    assert.equal(brotli.headers["content-encoding"], "br");
    assert.equal(brotliDecompressSync(brotli.bytes).toString(), "const brotli = true;");
    const gzip = await file("socket.io.min.js", { "Accept-Encoding": "gzip" });
    assert.equal(gunzipSync(gzip.bytes).toString(), "const brotli = true;");
    const deflate = await file("socket.io.min.js", { "Accept-Encoding": "deflate" });
    assert.equal(inflateSync(deflate.bytes).toString(), "const brotli = true;");
  });

  test("has no other files", async () => {
    for (const name of ["socket.io.js", "socket.io.min.js.br", "other.js"]) {
      assert.equal((await file(name)).status, 400, name);
    }
    assert.equal((await send(`${server.url}/elsewhere/socket.io.min.js`)).status, 404);
  });
});

describe("the path", () => {
  test("is the same with and without a slash at its end, and with more behind it", async () => {
    for (const path of ["/socket.io", "/socket.io/", "/socket.io/anything/"]) {
      assert.equal((await send(`${server.url}${path}?EIO=4&transport=polling`)).status, 200, path);
    }
    assert.equal((await send(`${server.url}/socket.iox/?EIO=4&transport=polling`)).status, 404);
  });

  test("is the only one: a request for another protocol elsewhere is refused and its connection closed", async () => {
    for (const headers of [{}, { Upgrade: "h2c" }]) {
      const text = await exchange(server.port, upgradeRequest("/elsewhere", headers));
      assert.match(text, /^HTTP\/1\.1 404 /);
      assert.equal(parseAnswer(text).headers.connection, "close");
    }
  });
});
