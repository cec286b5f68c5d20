// CORS, and the protection of state-changing requests against other sites.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Wire } from "../support/engine-client.mjs";
import { failed, succeeded } from "../support/expect.mjs";
import { exchange, upgradeRequest } from "../support/raw-http.mjs";
import { ALLOWED_ORIGIN, FOREIGN_ORIGIN } from "../support/roomcast.mjs";

export function origins(context) {
  const user = () => context.roomcast.user();
  const corsHeaders = (answer) => [...answer.headers.keys()].filter((name) => name.startsWith("access-control-"));

  describe("CORS", () => {
    test("lets an allowed origin read answers, errors too, with credentials", async () => {
      const someone = await user();
      for (const route of ["/auth/me", "/chat/messages/NOSUCH", "/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=4&transport=abc"]) {
        const { headers } = await someone.get(route, { origin: ALLOWED_ORIGIN });
        assert.equal(headers.get("access-control-allow-origin"), ALLOWED_ORIGIN, route);
        assert.equal(headers.get("access-control-allow-credentials"), "true", route);
        assert.match(headers.get("vary") ?? "", /\borigin\b/i, route);
      }
    });

    test("answers the preflight of an allowed origin", async () => {
      for (const route of ["/auth/login", "/chat/message", "/socket.io/?EIO=4&transport=polling"]) {
        const answer = await context.roomcast.visitor().call("OPTIONS", route, undefined, {
          origin: ALLOWED_ORIGIN,
          "access-control-request-method": "POST",
          "access-control-request-headers": "content-type,authorization",
        });
        assert.ok([200, 204].includes(answer.status), `${route}: ${answer.status}`);
        assert.equal(answer.text, "");
        assert.equal(answer.headers.get("access-control-allow-origin"), ALLOWED_ORIGIN);
        assert.equal(answer.headers.get("access-control-allow-credentials"), "true");
        assert.match(answer.headers.get("access-control-allow-methods"), /\bPOST\b/);
        assert.match(answer.headers.get("access-control-allow-headers"), /content-type/i);
        assert.match(answer.headers.get("access-control-allow-headers"), /authorization/i);
      }
    });

    test("gives other origins no headers, on requests and preflights, but tells caches that it varies", async () => {
      const someone = await user();
      for (const origin of [FOREIGN_ORIGIN, "null", `${ALLOWED_ORIGIN}.evil.example`, "http://app.example", `${ALLOWED_ORIGIN}:444`]) {
        const answer = await someone.get("/auth/me", { origin });
        assert.deepEqual(corsHeaders(answer), [], origin);
        assert.match(answer.headers.get("vary") ?? "", /\borigin\b/i);
        const preflight = await someone.call("OPTIONS", "/chat/message", undefined, {
          origin,
          "access-control-request-method": "POST",
        });
        assert.equal(preflight.headers.get("access-control-allow-origin"), null, origin);
      }
    });
  });

  describe("a socket from another site", () => {
    test("is refused by polling and by WebSocket", async () => {
      const { url, port } = context.roomcast;
      const answer = await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers: { origin: FOREIGN_ORIGIN } });
      const text = await answer.text();
      assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status} ${text}`);
      const raw = await exchange(port, upgradeRequest("/socket.io/?EIO=4&transport=websocket", { Origin: FOREIGN_ORIGIN }));
      assert.match(raw, /^HTTP\/1\.1 4\d\d /);
    });

    test("is accepted from allowed and own origins and from programs without Origin", async () => {
      const { url, port } = context.roomcast;
      for (const headers of [{ origin: ALLOWED_ORIGIN }, { origin: url }, { origin: `http://127.0.0.1:${port}` }, {}]) {
        const wire = await Wire.open(`${url}/socket.io/`, { headers });
        assert.match(wire.sid, /^[A-Za-z0-9_-]{20}$/);
        wire.drop();
      }
    });
  });

  describe("a state-changing request with cookie", () => {
    const ways = [
      ["GET", "/auth/refresh"],
      ["POST", "/auth/refresh"],
      ["GET", "/chat/create-room?roomName=forged"],
      ["POST", "/chat/create-room?roomName=forged"],
      ["GET", "/chat/join-room/CODE"],
      ["POST", "/chat/join-room/CODE"],
      ["POST", "/chat/message"],
      ["POST", "/chat/leave-room"],
      ["POST", "/auth/logout"],
    ];
    const fromElsewhere = [
      { origin: FOREIGN_ORIGIN },
      { origin: "null" },
      { origin: `${ALLOWED_ORIGIN}.evil.example` },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      // The Origin decides where there is one, whatever the other header says.
      { origin: FOREIGN_ORIGIN, "sec-fetch-site": "same-origin" },
    ];
    for (const [method, route] of ways) {
      test(`${method} ${route} is refused with 403 from another site and changes nothing`, async () => {
        const someone = await user();
        const code = await someone.createRoom("Lobby");
        await someone.joinRoom(code);
        const other = await someone.createRoom("Other");
        const { cookie } = someone;
        const body = method === "POST" ? { roomCode: code, msg: "forged" } : undefined;
        for (const headers of fromElsewhere) {
          const answer = await someone.call(method, route.replace("CODE", other), body, headers);
          failed(answer, 403);
          assert.deepEqual(answer.setCookie, []);
          assert.deepEqual(corsHeaders(answer), []);
        }
        assert.equal(someone.cookie, cookie);
        const { rooms } = succeeded(await someone.get("/chat/rooms")).result;
        assert.ok(rooms.every(({ name }) => name !== "forged"));
        // Still logged in, still in the first room, and that one is empty.
        await someone.say(code, "mine");
        assert.equal((await someone.wholeHistory(code)).length, 1);
      });
    }

    test("is accepted from own and allowed origins, from the same origin by Sec-Fetch-Site and from programs", async () => {
      const someone = await user();
      for (const headers of [
        { origin: context.roomcast.url },
        { origin: ALLOWED_ORIGIN },
        { origin: ALLOWED_ORIGIN, "sec-fetch-site": "cross-site" },
        { "sec-fetch-site": "same-origin" },
        { "sec-fetch-site": "none" },
        {},
      ]) {
        succeeded(await someone.post("/chat/create-room", { roomName: "fine" }, headers));
        succeeded(await someone.get("/chat/create-room?roomName=fine", headers));
      }
    });

    test("may come from anywhere with a bearer token in place of the cookie", async () => {
      const someone = await user();
      const headers = { authorization: `Bearer ${someone.cookie}`, origin: FOREIGN_ORIGIN, "sec-fetch-site": "cross-site" };
      succeeded(await context.roomcast.visitor().post("/chat/create-room", { roomName: "fine" }, headers));
    });

    test("that only reads is answered, though other sites cannot see the answer", async () => {
      const someone = await user();
      for (const route of ["/auth/me", "/chat/rooms"]) {
        const answer = await someone.get(route, { origin: FOREIGN_ORIGIN, "sec-fetch-site": "cross-site" });
        succeeded(answer);
        assert.deepEqual(corsHeaders(answer), []);
      }
    });
  });
}
