// Settings of the roomcast binary that clients notice. They do not depend on the store, so SQLite stands for both.

import assert from "node:assert/strict";
import { after, afterEach, describe, test } from "node:test";
import { failed, failedBody, succeeded } from "./support/expect.mjs";
import { disconnectAll } from "./support/official.mjs";
import { Program, freePort, programFrom } from "./support/program.mjs";
import { SECRET, Roomcast, Sqlite, claims, forge, freshEmail, parseCookie } from "./support/roomcast.mjs";
import { once } from "./support/wait.mjs";

const store = new Sqlite();
const running = [];

afterEach(async () => {
  disconnectAll();
  for (const roomcast of running.splice(0)) await roomcast.kill();
});
after(() => store.close());

async function start(env) {
  const roomcast = await Roomcast.start(store, env);
  running.push(roomcast);
  return roomcast;
}

/** Starts the program with settings that it must refuse; returns what it said. */
async function refused(env) {
  const { cwd } = await store.place();
  const program = Program.start(programFrom("ROOMCAST_BIN"), [], {
    cwd,
    env: { PORT: String(await freePort()), JWT_SECRET: SECRET, ...env },
  });
  try {
    const { code } = await program.exit(10_000);
    assert.ok(code > 0, `ended with ${code}`);
    return program.output;
  } finally {
    await program.kill("SIGKILL");
  }
}

const tokenCookie = (answer) => parseCookie(answer.setCookie.find((line) => line.startsWith("token=")));

describe("the cookie", () => {
  test("follows COOKIE_SAMESITE and COOKIE_SECURE in sign-up, log-in and refresh", async () => {
    const roomcast = await start({ COOKIE_SAMESITE: "Lax", COOKIE_SECURE: "false" });
    const someone = roomcast.visitor();
    const [email, password] = [freshEmail(), "secret"];
    for (const answer of [
      await someone.post("/user/create", { email, name: "N", password }),
      await someone.post("/auth/login", { email, password }),
      await someone.post("/auth/refresh"),
    ]) {
      const { attributes } = tokenCookie(answer);
      assert.equal(attributes.samesite, "Lax");
      assert.equal(attributes.secure, undefined);
      assert.equal(attributes.httponly, true);
      assert.equal(attributes.path, "/");
    }
  });
});

describe("JWT_EXPIRE_IN", () => {
  for (const [value, seconds] of [
    ["90", 90],
    ["45s", 45],
    ["15m", 900],
    ["2h", 7200],
    ["7d", 604_800],
  ]) {
    test(`${value} means ${seconds} seconds`, async () => {
      const someone = await (await start({ JWT_EXPIRE_IN: value })).user();
      const left = claims(someone.cookie).exp - Date.now() / 1000;
      assert.ok(left > seconds - 10 && left <= seconds + 1, `${left} s left`);
    });
  }
});

describe("EXPRESS_ERRORS", () => {
  test("turns failures of the routes into 200, and nothing else", async () => {
    const roomcast = await start({ EXPRESS_ERRORS: "true" });
    const someone = await roomcast.user();
    for (const answer of [
      await roomcast.visitor().get("/auth/me"),
      await roomcast.visitor().post("/auth/login", { email: someone.email, password: "wrong" }),
      await roomcast.visitor().post("/user/create", { email: someone.email, name: "N", password: "secret" }),
      await someone.post("/chat/create-room", {}),
      await someone.post("/chat/join-room/NOSUCH"),
      await someone.post("/chat/create-room", { roomName: "x" }, { origin: "https://evil.example" }),
    ]) {
      assert.equal(answer.status, 200, answer.text);
      failedBody(answer.json);
    }
    assert.equal((await someone.get("/nothing")).status, 404);
    succeeded(await someone.get("/auth/me"));
  });
});

describe("SOCKET_AUTH", () => {
  test("=connect_error refuses a socket without token by an error with a code", async () => {
    const roomcast = await start({ SOCKET_AUTH: "connect_error" });
    const someone = await roomcast.user();
    await someone.online();
    someone.cookie = null;
    for (const auth of [undefined, { token: "broken" }]) {
      const socket = someone.socket({ auth });
      const [error] = await once(socket, "connect_error");
      assert.notEqual(error.message, "");
      assert.ok(["string", "number"].includes(typeof error.data?.code), JSON.stringify(error.data));
      assert.equal(socket.connected, false);
    }
  });
});

describe("the own origin", () => {
  const body = { roomName: "x" };
  const proxied = { "x-forwarded-proto": "https", "x-forwarded-host": "chat.example", origin: "https://chat.example" };

  test("is what a trusted proxy says", async () => {
    const someone = await (await start({ TRUST_PROXY: "1" })).user();
    succeeded(await someone.post("/chat/create-room", body, proxied));
    failed(await someone.post("/chat/create-room", body, { ...proxied, origin: "https://other.example" }), 403);
  });

  test("is not what an untrusted one says", async () => {
    const someone = await (await start({})).user();
    failed(await someone.post("/chat/create-room", body, proxied), 403);
  });

  test("is PUBLIC_ORIGIN where that is set", async () => {
    const someone = await (await start({ PUBLIC_ORIGIN: "https://public.example" })).user();
    succeeded(await someone.post("/chat/create-room", body, { origin: "https://public.example" }));
  });
});

describe("MAX_MESSAGE_CHARS", () => {
  test("changes the length of a message", async () => {
    const someone = await (await start({ MAX_MESSAGE_CHARS: "10" })).user();
    const roomCode = await someone.createRoom();
    await someone.joinRoom(roomCode);
    succeeded(await someone.post("/chat/message", { roomCode, msg: "é".repeat(10) }));
    failed(await someone.post("/chat/message", { roomCode, msg: "é".repeat(11) }), 400);
  });
});

describe("the start", () => {
  test("needs no settings, makes a secret and keeps it", async () => {
    const roomcast = await start({ JWT_SECRET: null, JWT_EXPIRE_IN: null, ALLOWED_ORIGINS: null });
    const someone = await roomcast.user();
    await roomcast.kill();
    await roomcast.resume();
    succeeded(await someone.get("/auth/me"));
    const forged = { cookie: `token=${forge(claims(someone.cookie), { secret: "" })}` };
    failed(await roomcast.visitor().get("/auth/me", forged), 401);
  });

  for (const [name, value, hint] of [
    ["JWT_SECRET", "fifteen bytes !", /ALLOW_WEAK_SECRET=true/],
    ["JWT_EXPIRE_IN", "soon", /15m/],
    ["JWT_EXPIRE_IN", "0", /JWT_EXPIRE_IN/],
    ["PORT", "abc", /PORT/i],
    ["PORT", "70000", /PORT/i],
    ["JWS_SALT_ROUNDS", "3", /\b4\b.*\b31\b/s],
    ["JWS_SALT_ROUNDS", "32", /\b4\b.*\b31\b/s],
    ["BCRYPT_COST", "many", /BCRYPT_COST|JWS_SALT_ROUNDS/],
    ["COOKIE_SAMESITE", "sometimes", /lax/i],
    ["SOCKET_AUTH", "maybe", /connect_error/],
    ["ALLOWED_ORIGINS", "not an origin", /ALLOWED_ORIGINS|https?:\/\//],
    ["TRUST_PROXY", "all", /TRUST_PROXY/i],
    ["DB_URL", "nonsense://x", /mongodb:\/\//],
  ]) {
    test(`is refused with ${name}=${value}, and the sentence says what to write`, async () => {
      assert.match(await refused({ [name]: value }), hint);
    });
  }

  test("with a weak secret goes on where that is allowed", async () => {
    await (await start({ JWT_SECRET: "short", ALLOW_WEAK_SECRET: "true" })).user();
  });

  test("reads .env, which the environment overrides", async () => {
    const { writeFile } = await import("node:fs/promises");
    const path = await import("node:path");
    const roomcast = await start({ JWT_EXPIRE_IN: null });
    await roomcast.kill();
    await writeFile(path.join(roomcast.place.cwd, ".env"), "# settings\nJWT_EXPIRE_IN=45s\nMAX_MESSAGE_CHARS=5\n");
    roomcast.env.MAX_MESSAGE_CHARS = "6";
    await roomcast.resume();
    const someone = await roomcast.user();
    assert.ok(claims(someone.cookie).exp - Date.now() / 1000 < 46);
    const roomCode = await someone.createRoom();
    await someone.joinRoom(roomCode);
    succeeded(await someone.post("/chat/message", { roomCode, msg: "123456" }));
    failed(await someone.post("/chat/message", { roomCode, msg: "1234567" }), 400);
  });

  test("--help names the settings as flags", async () => {
    const { cwd } = await store.place();
    const program = Program.start(programFrom("ROOMCAST_BIN"), ["--help"], { cwd });
    assert.equal((await program.exit()).code, 0);
    for (const flag of ["--port", "--db-url", "--jwt-secret", "--jwt-expire-in", "--allowed-origins", "--trust-proxy"]) {
      assert.ok(program.output.includes(flag), flag);
    }
  });

  test("takes flags in place of variables", async () => {
    const { cwd } = await store.place();
    const port = await freePort();
    const program = Program.start(programFrom("ROOMCAST_BIN"), ["--port", String(port), "--jwt-secret", SECRET], { cwd });
    try {
      await program.ready(() =>
        fetch(`http://127.0.0.1:${port}/readyz`).then(
          (answer) => answer.status === 200,
          () => false,
        ),
      );
    } finally {
      await program.kill("SIGKILL");
    }
  });
});
