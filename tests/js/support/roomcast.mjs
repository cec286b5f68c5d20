// The roomcast binary on a store of its own, and its users.

import { createHmac, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Program, freePort, programFrom } from "./program.mjs";
import { Inbox, once, until } from "./wait.mjs";
import { client } from "./official.mjs";

export const SECRET = "a secret of the tests, long enough to sign with";
export const ALLOWED_ORIGIN = "https://app.example";
export const FOREIGN_ORIGIN = "https://evil.example";

/** SQLite: each place is an empty directory, below which the server keeps its data. */
export class Sqlite {
  name = "SQLite";
  #directories = [];

  async place() {
    const cwd = await mkdtemp(path.join(tmpdir(), "roomcast-test-"));
    this.#directories.push(cwd);
    return { cwd, env: {} };
  }

  async close() {
    for (const directory of this.#directories) await rm(directory, { recursive: true, force: true });
  }
}

/**
 * A server that speaks the MongoDB protocol; each place is an empty database on it.
 *
 * With DB_URL set, an already running server is used; it must be a replica set or a standalone without load.
 */
export class Mongo {
  name = "MongoDB";
  #directories = [];
  #program;
  #storage;

  async start() {
    if (process.env.DB_URL) {
      this.base = new URL(process.env.DB_URL);
      return this;
    }
    this.port ??= await freePort();
    if (!this.#storage) {
      this.#storage = await mkdtemp(path.join(tmpdir(), "roomcast-mongo-"));
      this.#directories.push(this.#storage);
    }
    // Without --sync-on-commit a kill would lose what the database has promised to keep.
    const args = ["--port", String(this.port), "--storage-path", this.#storage, "--enable-test-commands", "--sync-on-commit"];
    this.#program = Program.start(secantusd(), args, { cwd: this.#storage });
    await this.#program.ready(() => accepts(this.port), 30_000);
    this.base = new URL(`mongodb://127.0.0.1:${this.port}/`);
    return this;
  }

  /** Ends the database as a power cut would. */
  async kill() {
    await this.#program?.kill("SIGKILL");
  }

  get running() {
    return this.#program?.alive ?? false;
  }

  /** Lets the database neither answer nor close anything, until `unfreeze`. */
  freeze() {
    this.#program.signal("SIGSTOP");
  }

  unfreeze() {
    this.#program.signal("SIGCONT");
  }

  async place() {
    const cwd = await mkdtemp(path.join(tmpdir(), "roomcast-test-"));
    this.#directories.push(cwd);
    const url = new URL(this.base);
    url.pathname = `/roomcast_${randomBytes(6).toString("hex")}`;
    return { cwd, env: { DB_URL: url.href } };
  }

  async close() {
    await this.kill();
    for (const directory of this.#directories) await rm(directory, { recursive: true, force: true });
  }
}

function secantusd() {
  if (process.env.SECANTUSD_BIN) return process.env.SECANTUSD_BIN;
  const installed = path.resolve(import.meta.dirname, "../../../.venv/bin/secantusd-py");
  if (!existsSync(installed)) throw new Error(`${installed} is missing: run tests/setup or set SECANTUSD_BIN`);
  return installed;
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

/** The settings that tests start from: cheap passwords, no limits on rates, one allowed origin. */
const DEFAULTS = {
  JWT_SECRET: SECRET,
  JWT_EXPIRE_IN: "15m",
  JWS_SALT_ROUNDS: "4",
  ALLOWED_ORIGINS: ALLOWED_ORIGIN,
  LIMITS: "off",
};

/** A running roomcast. */
export class Roomcast {
  #program;

  static async start(store, env = {}, { wait = true } = {}) {
    const roomcast = new Roomcast();
    roomcast.place = await store.place();
    roomcast.env = { ...DEFAULTS, ...roomcast.place.env, ...env };
    roomcast.port = await freePort();
    roomcast.url = `http://127.0.0.1:${roomcast.port}`;
    await roomcast.resume({ wait });
    return roomcast;
  }

  /** Starts the program (again) on the same port and the same data. */
  async resume({ wait = true } = {}) {
    const env = { ...this.env, PORT: String(this.port) };
    for (const [name, value] of Object.entries(env)) if (value === null) delete env[name];
    this.#program = Program.start(programFrom("ROOMCAST_BIN"), [], { cwd: this.place.cwd, env });
    if (wait) await this.#program.ready(() => this.status("/readyz").then((status) => status === 200));
  }

  /** The status of a GET, or `null` when nobody answers. */
  status(route) {
    return fetch(this.url + route).then(
      async (answer) => {
        await answer.text();
        return answer.status;
      },
      () => null,
    );
  }

  get output() {
    return this.#program.output;
  }

  get pid() {
    return this.#program.pid;
  }

  kill(signal = "SIGKILL") {
    return this.#program.kill(signal);
  }

  /** Someone without an account. */
  visitor() {
    return new Visitor(this.url);
  }

  /** Someone with a fresh account, signed in. */
  async user(name = "Ann") {
    const visitor = this.visitor();
    await visitor.register({ name, email: freshEmail(), password: "correct horse" });
    return visitor;
  }
}

export function freshEmail() {
  return `user-${randomBytes(8).toString("hex")}@mail.example`;
}

/** A browser's half of HTTP: keeps cookies and sends them back. */
export class Visitor {
  #jar = new Map();
  #socket;

  constructor(url) {
    this.url = url;
  }

  get cookie() {
    return this.#jar.get("token") ?? null;
  }

  set cookie(value) {
    if (value === null) this.#jar.delete("token");
    else this.#jar.set("token", value);
  }

  /** One request; answers status, headers, the JSON body and the Set-Cookie lines. */
  async call(method, route, body, headers = {}) {
    const all = { ...headers };
    if (this.#jar.size > 0 && all.cookie === undefined) {
      all.cookie = [...this.#jar].map(([name, value]) => `${name}=${value}`).join("; ");
    }
    if (body !== undefined && all["content-type"] === undefined) all["content-type"] = "application/json";
    const payload = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const answer = await fetch(this.url + route, { method, headers: all, body: payload, redirect: "manual" });
    const text = await answer.text();
    const setCookie = answer.headers.getSetCookie();
    for (const line of setCookie) this.#remember(line);
    let json = null;
    try {
      json = JSON.parse(text);
    } catch {
      // Not every answer is JSON; the tests that want it look at `json`.
    }
    return { status: answer.status, headers: answer.headers, text, json, setCookie };
  }

  get(route, headers) {
    return this.call("GET", route, undefined, headers);
  }

  post(route, body = {}, headers) {
    return this.call("POST", route, body, headers);
  }

  #remember(line) {
    const { name, value, attributes } = parseCookie(line);
    const ended = attributes["max-age"] !== undefined
      ? Number(attributes["max-age"]) <= 0
      : attributes.expires !== undefined && Date.parse(attributes.expires) <= Date.now();
    if (ended) this.#jar.delete(name);
    else this.#jar.set(name, value);
  }

  async register({ name, email, password }) {
    Object.assign(this, { name, email, password });
    const answer = await this.post("/user/create", { name, email, password });
    if (!answer.json?.success) throw new Error(`sign-up answered ${answer.status} ${answer.text}`);
    this.userOid = claims(this.cookie).userOid;
    return answer;
  }

  /** Creates a room and returns its code. */
  async createRoom(roomName = "Lobby") {
    const answer = await this.post("/chat/create-room", { roomName });
    if (!answer.json?.success) throw new Error(`create-room answered ${answer.status} ${answer.text}`);
    return answer.json.result.newRoom.code;
  }

  async joinRoom(code) {
    const answer = await this.post(`/chat/join-room/${code}`);
    if (!answer.json?.success) throw new Error(`join-room answered ${answer.status} ${answer.text}`);
    return answer;
  }

  /** Sends a message by HTTP and returns it as stored. */
  async say(roomCode, msg, more = {}) {
    const answer = await this.post("/chat/message", { roomCode, msg, ...more });
    if (!answer.json?.success) throw new Error(`message answered ${answer.status} ${answer.text}`);
    return answer.json.result.message;
  }

  /** Reads the whole history of a room, oldest first. */
  async wholeHistory(code, limit = 200) {
    const all = [];
    let before = "";
    for (;;) {
      const answer = await this.get(`/chat/messages/${code}?limit=${limit}${before}`);
      if (!answer.json?.success) throw new Error(`history answered ${answer.status} ${answer.text}`);
      const { messages, next } = answer.json.result;
      all.unshift(...messages);
      if (next === null) return all;
      before = `&before=${next}`;
    }
  }

  /** A socket with this user's cookie, whose messages are collected from the first on. */
  socket(options = {}) {
    const headers = this.cookie ? { cookie: `token=${this.cookie}` } : {};
    const socket = client(this.url, { extraHeaders: headers, ...options });
    socket.messages = new Inbox();
    socket.on("MSG_TO_CLIENTS", (message) => socket.messages.push(message));
    return socket;
  }

  /** A socket that the server has welcomed. */
  async online(options) {
    const socket = this.socket(options);
    const welcome = await socket.messages.take(5000, "the welcome");
    if (welcome.sender !== "server" || welcome.msg !== "Connected.") {
      throw new Error(`the first message was ${JSON.stringify(welcome)}`);
    }
    return socket;
  }
}

/** Takes messages until one satisfies `wanted`; returns it. */
export async function messageWhere(socket, wanted, timeout = 5000) {
  for (;;) {
    const message = await socket.messages.take(timeout, "the expected message");
    if (wanted(message)) return message;
  }
}

/** Sends a socket event and resolves with its acknowledgement. */
export function request(socket, event, payload) {
  return socket.timeout(5000).emitWithAck(event, payload);
}

/** Resolves with the reason of the next disconnect. */
export async function disconnected(socket, timeout = 5000) {
  return (await once(socket, "disconnect", timeout))[0];
}

export function parseCookie(line) {
  const [pair, ...rest] = line.split(";").map((part) => part.trim());
  const equals = pair.indexOf("=");
  const attributes = {};
  for (const part of rest) {
    const [name, value = true] = part.split("=");
    attributes[name.toLowerCase()] = value;
  }
  return { name: pair.slice(0, equals), value: pair.slice(equals + 1), attributes };
}

/** The payload of a token, unverified. */
export function claims(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString("utf8"));
}

/** Makes a token by hand. */
export function forge(payload, { secret = SECRET, header = { alg: "HS256", typ: "JWT" } } = {}) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const content = `${encode(header)}.${encode(payload)}`;
  const digest = { HS256: "sha256", HS384: "sha384", HS512: "sha512" }[header.alg];
  return `${content}.${digest ? createHmac(digest, secret).update(content).digest("base64url") : ""}`;
}

/** Waits until a server on a free port answers again. */
export function answers(roomcast, route, status, timeout = 20_000) {
  return until(`${route} answering ${status}`, async () => (await roomcast.status(route)) === status, { timeout, every: 50 });
}
