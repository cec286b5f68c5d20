// Settings of the roomcast binary that clients notice. They do not depend on the store, so SQLite stands for both.

import assert from "node:assert/strict";
import net from "node:net";
import { after, afterEach, describe, test } from "node:test";
import { failed, failedBody, succeeded } from "./support/expect.mjs";
import { metrics } from "./support/metrics.mjs";
import { disconnectAll } from "./support/official.mjs";
import { Program, freePort, programFrom } from "./support/program.mjs";
import { SECRET, Roomcast, Sqlite, claims, forge, freshEmail, parseCookie } from "./support/roomcast.mjs";
import { once, until } from "./support/wait.mjs";

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

/** Opens a session by polling; answers status and Retry-After. */
async function handshake(roomcast, headers = {}) {
  const answer = await fetch(`${roomcast.url}/socket.io/?EIO=4&transport=polling`, { headers });
  await answer.text();
  return [answer.status, answer.headers.get("retry-after")];
}

describe("limits on connections", () => {
  test("are for each client behind a trusted proxy, are counted, and leave others alone", async () => {
    const port = await freePort();
    const roomcast = await start({
      LIMITS: "on",
      TRUST_PROXY: "1",
      MAX_CONNECTIONS_PER_ADDRESS: "2",
      METRICS: `127.0.0.1:${port}`,
    });
    const from = (address) => handshake(roomcast, { "x-forwarded-for": `198.51.100.7, ${address}` });
    assert.deepEqual(await from("192.0.2.1"), [200, null]);
    assert.deepEqual(await from("192.0.2.1"), [200, null]);
    assert.deepEqual(await from("192.0.2.1"), [503, "5"]);
    assert.deepEqual(await from("192.0.2.2"), [200, null]);
    const counted = await metrics(port);
    assert.equal(counted['roomcast_refused_total{layer="socket",limit="sessions_of_address"}'], 1);
    assert.equal(counted.roomcast_sessions, 3);
    assert.match(roomcast.output, /a session was refused .*192\.0\.2\.1/);
  });

  test("hold for connections before a request is read", async () => {
    const roomcast = await start({ LIMITS: "on", MAX_CONNECTIONS: "3" });
    const sockets = Array.from({ length: 3 }, () => net.connect(roomcast.port, "127.0.0.1"));
    const refused = await until("a refused connection", async () => {
      const probe = net.connect(roomcast.port, "127.0.0.1");
      const text = await new Promise((resolve) => {
        probe.once("data", (data) => resolve(String(data)));
        probe.once("error", () => resolve(null));
        probe.setTimeout(200, () => resolve(null));
      });
      probe.destroy();
      return text;
    });
    assert.match(refused, /^HTTP\/1\.1 503 .*\r\nretry-after: 5\r\n/s);
    for (const socket of sockets) socket.destroy();
    await until("room for another", async () => (await roomcast.status("/healthz")) === 200);
  });
});

describe("METRICS", () => {
  test("is off unless set, and never on the port of the service", async () => {
    const port = await freePort();
    const roomcast = await start({ LIMITS: "on", LOGIN_TRIES: "1", METRICS: `127.0.0.1:${port}` });
    assert.equal(await roomcast.status("/metrics"), 404);
    const wrong = { email: (await roomcast.user()).email, password: "a wrong password" };
    failed(await roomcast.visitor().post("/auth/login", wrong), 401);
    failed(await roomcast.visitor().post("/auth/login", wrong), 429);
    const counted = await metrics(port);
    assert.equal(counted['roomcast_refused_total{layer="service",limit="log_ins"}'], 1);
    assert.equal((await fetch(`http://127.0.0.1:${port}/other`)).status, 404);
  });
});

describe("the log", () => {
  test("has no secret in it, whatever its level and whatever fails", async () => {
    const roomcast = await start({ RUST_LOG: "trace", SOCKET_AUTH: "connect_error" });
    const [ann, bob] = [await roomcast.user("Ann"), await roomcast.user("Bob")];
    const code = await ann.createRoom("Den");
    await ann.joinRoom(code);
    await bob.joinRoom(code);
    const sockets = [await ann.online(), await bob.online({ transports: ["polling"] })];
    await ann.say(code, "a text that is nobody else's business");
    failed(await roomcast.visitor().post("/auth/login", { email: ann.email, password: "a wrong password" }), 401);
    failed(await roomcast.visitor().post("/auth/login", '{"password":"a broken body'), 400);
    const expired = forge({ ...claims(ann.cookie), exp: 1 });
    failed(await roomcast.visitor().get("/auth/me", { authorization: `Bearer ${expired}` }), 401);
    const stranger = roomcast.visitor();
    stranger.cookie = expired;
    await once(stranger.socket(), "connect_error");
    await fetch(`${roomcast.url}/socket.io/?EIO=4&transport=polling&sid=${sockets[0].io.engine.id}x`).then((answer) => answer.text());
    const secrets = {
      "the secret of tokens": SECRET,
      "a password": ann.password,
      "a wrong password": "a wrong password",
      "a password in a broken body": "a broken body",
      "a token": ann.cookie,
      "the signature of a token": bob.cookie.split(".")[2],
      "an expired token": expired,
      "a session id": sockets[0].io.engine.id,
      "a polling session id": sockets[1].io.engine.id,
      "a message": "nobody else's business",
    };
    const old = ann.cookie;
    succeeded(await ann.post("/auth/refresh"));
    succeeded(await bob.post("/auth/logout"));
    disconnectAll();
    await roomcast.kill("SIGTERM");
    assert.match(roomcast.output, /roomcast is listening/, "nothing of the log is missing");
    assert.match(roomcast.output, /a request failed/, "the log is as detailed as it can be");
    for (const [name, secret] of Object.entries({ ...secrets, "a replaced token": old })) {
      assert.ok(secret.length >= 8, name);
      assert.ok(!roomcast.output.includes(secret), `the log has ${name} in it`);
    }
  });

  test("does not have the password of a database that is away", async () => {
    const place = await store.place();
    const port = await freePort();
    const program = Program.start(programFrom("ROOMCAST_BIN"), [], {
      cwd: place.cwd,
      env: {
        PORT: String(port),
        JWT_SECRET: SECRET,
        RUST_LOG: "trace",
        DB_URL: `mongodb://keeper:hunter2hunter2@127.0.0.1:${await freePort()}/chat?serverSelectionTimeoutMS=300`,
      },
    });
    try {
      const status = () => fetch(`http://127.0.0.1:${port}/readyz`).then((answer) => answer.status, () => null);
      await program.ready(async () => (await status()) === 503);
      assert.match(program.output, /roomcast is listening/);
      assert.ok(!program.output.includes("hunter2"), "the password is in the log");
    } finally {
      await program.kill("SIGKILL");
    }
  });
});
