// Attacks on accounts, tokens and stored data, against the chat service on every store (STORES chooses, as for
// chat-service.test.mjs). Shown there already: NUL bytes and passwords over 72 bytes, the same words for unknown accounts,
// foreign origins by polling and WebSocket, state-changing GETs of other sites, unsigned, expired and foreign tokens over HTTP.

import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { after, before, describe } from "node:test";
import { chat } from "../support/attacked.mjs";
import { disconnectAll } from "../support/official.mjs";
import { Mongo, SECRET, Sqlite, claims, disconnected, forge, freshEmail, request } from "../support/roomcast.mjs";
import { besiege } from "../support/siege.mjs";

const STORES = { sqlite: Sqlite, mongodb: Mongo };

/** What is an operator to MongoDB or ends a string in SQL. */
const INJECTIONS = [
  { $gt: "" },
  { $ne: null },
  { $regex: ".*" },
  { $where: "sleep(5000) || true" },
  { $in: ["a", null] },
  { $function: { body: "while(1);", args: [], lang: "js" } },
  [{ $gt: "" }],
  true,
];
const QUOTES = ["' OR '1'='1", "'; DROP TABLE users; --", '" || true || "', '{"$gt":""}', "$where", "a\u0000b"];

/** A token signed by whoever holds the key that its own header names. */
function selfSigned(payload, algorithm, header) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const { privateKey, publicKey } = generateKeyPairSync(...algorithm);
  const jwk = publicKey.export({ format: "jwk" });
  const content = `${encode({ typ: "JWT", jwk, ...header })}.${encode(payload)}`;
  return `${content}.${sign("sha256", Buffer.from(content), privateKey).toString("base64url")}`;
}

/** A token by HMAC with any key and any header. */
function signed(payload, key, header) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const content = `${encode(header)}.${encode(payload)}`;
  return `${content}.${createHmac("sha256", key).update(content).digest("base64url")}`;
}

function tokens(payload) {
  const now = Math.floor(Date.now() / 1000);
  const [, body, signature] = forge(payload).split(".");
  const none = (alg) => `${Buffer.from(JSON.stringify({ alg, typ: "JWT" })).toString("base64url")}.${body}.`;
  return {
    "alg none": none("none"),
    "alg None": none("None"),
    "alg NONE": none("NONE"),
    "alg none with the signature of HS256": none("none") + signature,
    "no alg": signed(payload, SECRET, { typ: "JWT" }),
    "alg that is a list": signed(payload, SECRET, { alg: ["HS256"], typ: "JWT" }),
    "alg in lower case": signed(payload, SECRET, { alg: "hs256", typ: "JWT" }),
    HS384: forge(payload, { header: { alg: "HS384", typ: "JWT" } }),
    HS512: forge(payload, { header: { alg: "HS512", typ: "JWT" } }),
    "RS256 with a jwk of its own": selfSigned(payload, ["rsa", { modulusLength: 2048 }], { alg: "RS256" }),
    "ES256 with a jwk of its own": selfSigned(payload, ["ec", { namedCurve: "P-256" }], { alg: "ES256" }),
    "an empty key, kid /dev/null": signed(payload, "", { alg: "HS256", typ: "JWT", kid: "../../../../dev/null" }),
    "an SQL kid": signed(payload, "k", { alg: "HS256", typ: "JWT", kid: "x' UNION SELECT 'k" }),
    "a jwk of its own": signed(payload, "k", { alg: "HS256", jwk: { kty: "oct", k: Buffer.from("k").toString("base64url") } }),
    "a jku elsewhere": signed(payload, "k", { alg: "HS256", jku: "http://evil.example/keys" }),
    "an empty signature": `${forge(payload).split(".").slice(0, 2).join(".")}.`,
    expired: forge({ ...payload, exp: now - 120 }),
    "an end that is no number": forge({ ...payload, exp: "never" }),
    "an end that is infinite": forge(payload).replace(/\.[^.]*\./, `.${Buffer.from('{"exp":1e999}').toString("base64url")}.`),
    "four parts": `${forge(payload)}.x`,
    "eight thousand letters": "a".repeat(8000),
  };
}

for (const name of (process.env.STORES ?? "sqlite,mongodb").split(",")) {
  const store = new STORES[name.trim()]();
  describe(`with ${store.name}: accounts and data`, () => {
    before(() => store.start?.());
    after(() => store.close());
    after(disconnectAll);
    // A password costs as much as it does by default, so that the time it takes can be told from noise.
    const siege = besiege(() => chat(store, { JWS_SALT_ROUNDS: "10" }));
    const roomcast = () => siege.server.roomcast;

    siege.attack("no forged token is taken: not as cookie, not as bearer, not by a socket", async () => {
      const someone = await roomcast().user();
      for (const [what, token] of Object.entries(tokens(claims(someone.cookie)))) {
        for (const headers of [{ cookie: `token=${token}` }, { authorization: `Bearer ${token}` }]) {
          const answer = await roomcast().visitor().get("/auth/me", headers);
          assert.equal(answer.status, 401, `${what}: ${answer.text}`);
        }
        const socket = roomcast().visitor().socket({ auth: { token }, transports: ["websocket"] });
        assert.equal(await disconnected(socket), "io server disconnect", what);
      }
    });

    siege.attack("fifty tokens at once are not all tried, and a good one behind them does not help", async () => {
      const someone = await roomcast().user();
      const many = Array.from({ length: 50 }, (_, i) => `token=${forge({ i }, { secret: `secret number ${i}` })}`);
      const cookie = [...many, `token=${someone.cookie}`].join("; ");
      assert.equal((await roomcast().visitor().get("/auth/me", { cookie })).status, 401);
    });

    siege.attack("an operator in place of any text is refused and finds nobody", async () => {
      const someone = await roomcast().user();
      const roomCode = await someone.createRoom();
      await someone.joinRoom(roomCode);
      const { email } = someone;
      const bodies = (value) => [
        ["/auth/login", { email: value, password: "correct horse" }],
        ["/auth/login", { email, password: value }],
        ["/user/create", { email: value, name: "N", password: "secret" }],
        ["/user/create", { email: freshEmail(), name: value, password: "secret" }],
        ["/user/create", { email: freshEmail(), name: "N", password: value }],
        ["/chat/create-room", { roomName: value }],
        ["/chat/message", { roomCode: value, msg: "x" }],
        ["/chat/message", { roomCode, msg: value }],
        ["/chat/message", { roomCode, msg: "x", clientId: value }],
      ];
      for (const value of INJECTIONS) {
        for (const [route, body] of bodies(value)) {
          const answer = await someone.post(route, body);
          assert.equal(answer.status, 400, `${route} ${JSON.stringify(body)}: ${answer.text}`);
          assert.deepEqual(answer.setCookie, []);
        }
      }
      assert.equal((await someone.wholeHistory(roomCode)).length, 0);
      const socket = await someone.online();
      for (const value of INJECTIONS) {
        for (const [event, payload] of [
          ["chat:join", { roomCode: value }],
          ["chat:message", { roomCode: value, msg: "x" }],
          ["chat:history", { roomCode: value }],
          ["chat:history", { roomCode, before: value }],
        ]) {
          assert.equal((await request(socket, event, payload)).success, false, `${event} ${JSON.stringify(payload)}`);
        }
      }
      socket.disconnect();
    });

    siege.attack("quotes and operators in texts are texts", async () => {
      const someone = await roomcast().user();
      const code = await someone.createRoom();
      await someone.joinRoom(code);
      for (const text of QUOTES) {
        const login = await roomcast().visitor().post("/auth/login", { email: text, password: "correct horse" });
        assert.ok([400, 401].includes(login.status), login.text);
        const encoded = encodeURIComponent(text);
        for (const route of [`/chat/join-room/${encoded}`, `/chat/messages/${encoded}`, `/chat/messages/${code}?before=${encoded}`]) {
          const { status, text: body } = await someone.get(route);
          assert.ok([400, 403, 404].includes(status), `${route}: ${status} ${body}`);
        }
        if (!text.includes("\0")) assert.equal((await someone.say(code, text)).msg, text);
      }
      for (const query of ["before[$gt]=", "limit[$gt]=1", "before[]=a"]) {
        const { status } = await someone.get(`/chat/messages/${code}?${query}`);
        assert.ok([200, 400].includes(status), `${query}: ${status}`);
      }
    });

    siege.attack("a log-in takes as long for an unknown account as for a wrong password", async () => {
      const { email } = await roomcast().user();
      const time = async (address) => {
        const begin = performance.now();
        const answer = await roomcast().visitor().post("/auth/login", { email: address, password: "wrong" });
        assert.equal(answer.status, 401, answer.text);
        return performance.now() - begin;
      };
      // What disturbs makes things slower and never faster, so the quickest of several is the truth about each.
      const known = [];
      const unknown = [];
      for (let i = 0; i < 8; i += 1) {
        known.push(await time(email));
        unknown.push(await time(freshEmail()));
      }
      const ratio = Math.min(...unknown) / Math.min(...known);
      assert.ok(ratio > 0.75 && ratio < 1.33, `${Math.min(...unknown)} ms to ${Math.min(...known)} ms`);
    });

    siege.attack("a hundred log-ins at once are answered or refused with 503, and hold up nobody else", async () => {
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => roomcast().visitor().post("/auth/login", { email: freshEmail(), password: "wrong" })),
      );
      const statuses = answers.map(({ status }) => status);
      assert.ok(statuses.every((status) => status === 401 || status === 503), String(new Set(statuses)));
      assert.ok(statuses.includes(503), "the queue is bounded");
      assert.ok(statuses.includes(401), "some are served");
    });

    siege.leavesNothing();
  });
}
