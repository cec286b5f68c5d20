// Accounts, cookies and tokens over HTTP.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failed, succeeded } from "../support/expect.mjs";
import { claims, forge, freshEmail, parseCookie } from "../support/roomcast.mjs";

export function accounts(context) {
  const visitor = () => context.roomcast.visitor();
  const user = (name) => context.roomcast.user(name);

  function assertTokenCookie(answer) {
    const lines = answer.setCookie.filter((line) => line.startsWith("token="));
    assert.equal(lines.length, 1, answer.setCookie.join("\n"));
    const { value, attributes } = parseCookie(lines[0]);
    assert.equal(attributes.httponly, true);
    assert.equal(attributes.samesite, "None");
    assert.equal(attributes.secure, true);
    assert.equal(attributes.path, "/");
    assert.equal(attributes.domain, undefined);
    return value;
  }

  describe("sign-up", () => {
    test("creates the account, greets by name and sets the cookie", async () => {
      const someone = visitor();
      const answer = await someone.post("/user/create", { email: freshEmail(), name: "Zoë 🦀", password: "pass word" });
      assert.equal(succeeded(answer).message, "User Zoë 🦀 has been created successfully.");
      assert.match(answer.headers.get("content-type"), /^application\/json/);
      const payload = claims(assertTokenCookie(answer));
      assert.equal(payload.name, "Zoë 🦀");
      assert.ok(payload.exp > Date.now() / 1000);
    });

    test("refuses an e-mail address that is taken, in any spelling", async () => {
      const { email } = await user();
      for (const same of [email, email.toUpperCase()]) {
        const answer = await visitor().post("/user/create", { email: same, name: "B", password: "other secret" });
        failed(answer, 400, 409);
        assert.deepEqual(answer.setCookie, []);
      }
    });

    test("by several at once for one address succeeds once", async () => {
      const email = freshEmail();
      const spellings = [email, email.toUpperCase(), email, email, email.toUpperCase(), email];
      const answers = await Promise.all(
        spellings.map((spelling, i) => visitor().post("/user/create", { email: spelling, name: `N${i}`, password: "secret" })),
      );
      assert.equal(answers.filter(({ json }) => json?.success).length, 1);
      for (const answer of answers) if (!answer.json?.success) failed(answer, 400, 409);
    });

    const good = () => ({ email: freshEmail(), name: "N", password: "secret" });
    for (const [what, body] of [
      ["without e-mail", { name: "N", password: "secret" }],
      ["without name", { email: "a@b.example", password: "secret" }],
      ["without password", { email: "a@b.example", name: "N" }],
      ["with an empty password", { email: "a@b.example", name: "N", password: "" }],
      ["with a blank name", { email: "a@b.example", name: "  ", password: "secret" }],
      ["with an e-mail without @", { email: "nobody", name: "N", password: "secret" }],
      ["with an object as e-mail", { email: { $ne: null }, name: "N", password: "secret" }],
      ["with a number as password", { email: "a@b.example", name: "N", password: 12345 }],
      ["with a password over 72 bytes", { ...good(), password: "é".repeat(37) }],
      ["with NUL in the password", { ...good(), password: "a\0b" }],
      ["with broken JSON", "{"],
      ["with an array", []],
      ["with no body", undefined],
    ]) {
      test(`${what} is refused with 400 and no cookie`, async () => {
        const answer = await visitor().call("POST", "/user/create", body, { "content-type": "application/json" });
        failed(answer, 400);
        assert.deepEqual(answer.setCookie, []);
      });
    }

    test("accepts a password of exactly 72 bytes, and every byte counts", async () => {
      const email = freshEmail();
      const password = "x".repeat(72);
      await visitor().register({ email, name: "N", password });
      succeeded(await visitor().post("/auth/login", { email, password }));
      failed(await visitor().post("/auth/login", { email, password: `${"x".repeat(71)}y` }), 401);
    });

    test("with a body far over the limit is refused with 413", async () => {
      const answer = await visitor()
        .post("/user/create", { ...good(), name: "x".repeat(3_000_000) })
        // A server may also cut a connection whose body it does not want to read.
        .catch(() => ({ status: 413 }));
      assert.equal(answer.status, 413);
    });
  });

  describe("log-in", () => {
    test("sets the same kind of cookie, for any spelling of the address", async () => {
      const { email, password, userOid } = await user();
      for (const spelling of [email, email.toUpperCase()]) {
        const someone = visitor();
        const answer = await someone.post("/auth/login", { email: spelling, password });
        succeeded(answer);
        assert.equal(claims(assertTokenCookie(answer)).userOid, userOid);
        succeeded(await someone.get("/auth/me"));
      }
    });

    test("says the same to a wrong password and an unknown address", async () => {
      const { email } = await user();
      const wrong = await visitor().post("/auth/login", { email, password: "wrong" });
      const unknown = await visitor().post("/auth/login", { email: freshEmail(), password: "wrong" });
      assert.equal(failed(wrong, 401), failed(unknown, 401));
      assert.deepEqual([wrong.setCookie, unknown.setCookie], [[], []]);
    });

    for (const [what, body] of [
      ["without password", { email: "a@b.example" }],
      ["without e-mail", { password: "secret" }],
      ["with an operator as e-mail", { email: { $gt: "" }, password: "secret" }],
      ["with an operator as password", { email: "a@b.example", password: { $gt: "" } }],
      ["with broken JSON", '{"email":'],
    ]) {
      test(`${what} is refused with 400`, async () => {
        failed(await visitor().post("/auth/login", body), 400);
      });
    }
  });

  describe("the token", () => {
    test("is a JWT by HS256 with user, e-mail, name and the configured lifetime", async () => {
      const someone = await user("Ann");
      const header = JSON.parse(Buffer.from(someone.cookie.split(".")[0], "base64url").toString());
      assert.equal(header.alg, "HS256");
      const { userOid, email, name, exp } = claims(someone.cookie);
      assert.match(userOid, /^[0-9a-f]{24}$/);
      assert.equal(email.toLowerCase(), someone.email);
      assert.equal(name, "Ann");
      const left = exp - Date.now() / 1000;
      assert.ok(left > 15 * 60 - 10 && left <= 15 * 60 + 1, `${left} s left`);
    });

    test("tells who one is", async () => {
      const someone = await user("Ann");
      const { result } = succeeded(await someone.get("/auth/me"));
      assert.deepEqual(result.user, { userOid: someone.userOid, name: "Ann", email: someone.email });
    });

    test("is also taken as bearer", async () => {
      const someone = await user();
      const { result } = succeeded(await visitor().get("/auth/me", { authorization: `Bearer ${someone.cookie}` }));
      assert.equal(result.user.userOid, someone.userOid);
    });

    test("in the cookie counts first; a bad cookie leaves the bearer", async () => {
      const one = await user();
      const two = await user();
      const both = { cookie: `token=${one.cookie}`, authorization: `Bearer ${two.cookie}` };
      assert.equal(succeeded(await visitor().get("/auth/me", both)).result.user.userOid, one.userOid);
      const bad = { cookie: "token=broken", authorization: `Bearer ${two.cookie}` };
      assert.equal(succeeded(await visitor().get("/auth/me", bad)).result.user.userOid, two.userOid);
    });

    test("of an unsigned, foreign, other-algorithm, expired or broken kind is refused", async () => {
      const someone = await user();
      const payload = claims(someone.cookie);
      const tampered = someone.cookie.split(".");
      tampered[1] = Buffer.from(JSON.stringify({ ...payload, name: "Root" })).toString("base64url");
      for (const [what, token] of Object.entries({
        unsigned: forge(payload, { header: { alg: "none", typ: "JWT" } }),
        foreign: forge(payload, { secret: "another secret, which is as long as the right one" }),
        "other algorithm": forge(payload, { header: { alg: "HS512", typ: "JWT" } }),
        expired: forge({ ...payload, exp: Math.floor(Date.now() / 1000) - 120 }),
        tampered: tampered.join("."),
        broken: "a.b.c",
        empty: "",
      })) {
        const answer = await visitor().get("/auth/me", { cookie: `token=${token}` });
        assert.equal(answer.status, 401, `${what}: ${answer.text}`);
        failed(answer, 401);
      }
    });

    test("is refreshed by GET and POST, with the same kind of cookie", async () => {
      const someone = await user("Ann");
      for (const method of ["GET", "POST"]) {
        // Without a body, as clients of cookies send it.
        const answer = await someone.call(method, "/auth/refresh");
        succeeded(answer);
        const payload = claims(assertTokenCookie(answer));
        assert.equal(payload.userOid, someone.userOid);
        assert.equal(payload.name, "Ann");
        succeeded(await someone.get("/auth/me"));
      }
      failed(await visitor().get("/auth/refresh"), 401);
      failed(await visitor().post("/auth/refresh"), 401);
    });

    test("is told to clients without cookies that ask for it, and only to them", async () => {
      const [email, password] = [freshEmail(), "secret"];
      const someone = visitor();
      const answers = [
        await someone.post("/user/create", { email, name: "N", password, returnToken: true }),
        await someone.post("/auth/login", { email, password, returnToken: true }),
        await someone.post("/auth/refresh", { returnToken: true }),
      ];
      for (const answer of answers) {
        const { result } = succeeded(answer);
        succeeded(await visitor().get("/auth/me", { authorization: `Bearer ${result.token}` }));
      }
      const silent = await someone.post("/auth/login", { email, password });
      assert.equal(succeeded(silent).result?.token, undefined);
      assert.ok(!silent.text.includes(someone.cookie), "the token is in the cookie alone");
    });
  });

  describe("log-out", () => {
    test("clears the cookie and revokes the token, and no other token of the user", async () => {
      const someone = await user();
      const other = visitor();
      succeeded(await other.post("/auth/login", { email: someone.email, password: someone.password }));
      const token = someone.cookie;
      const answer = await someone.post("/auth/logout");
      succeeded(answer);
      assert.equal(someone.cookie, null, answer.setCookie.join("\n"));
      failed(await visitor().get("/auth/me", { cookie: `token=${token}` }), 401);
      failed(await visitor().get("/auth/me", { authorization: `Bearer ${token}` }), 401);
      failed(await visitor().post("/auth/refresh", {}, { authorization: `Bearer ${token}` }), 401);
      succeeded(await other.get("/auth/me"));
    });
  });

  describe("without a token", () => {
    for (const [method, route] of [
      ["GET", "/auth/me"],
      ["GET", "/chat/rooms"],
      ["GET", "/chat/create-room?roomName=x"],
      ["POST", "/chat/create-room"],
      ["GET", "/chat/join-room/abc"],
      ["POST", "/chat/join-room/abc"],
      ["POST", "/chat/leave-room"],
      ["POST", "/chat/message"],
      ["GET", "/chat/messages/abc"],
    ]) {
      test(`${method} ${route} answers 401`, async () => {
        failed(await visitor().call(method, route, method === "POST" ? {} : undefined), 401);
      });
    }

    test("health and readiness answer 200, unknown paths 404", async () => {
      assert.equal((await visitor().get("/healthz")).status, 200);
      assert.equal((await visitor().get("/readyz")).status, 200);
      for (const route of ["/nothing", "/chat", "/auth/nothing", "/user/create/x", "/../etc/passwd"]) {
        assert.equal((await visitor().get(route)).status, 404, route);
      }
      const wrongVerb = await visitor().get("/user/create");
      assert.ok([404, 405].includes(wrongVerb.status), `${wrongVerb.status}`);
    });
  });
}
