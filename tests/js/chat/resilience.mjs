// What survives kill -9 of the server, and what happens while the database is away.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { failed, succeeded } from "../support/expect.mjs";
import { TRANSPORTS, disconnectAll } from "../support/official.mjs";
import { Mongo, Roomcast, answers, messageWhere, request } from "../support/roomcast.mjs";
import { once, pause, until } from "../support/wait.mjs";

/** Collects chat messages of a room from a socket, and the missed ones from history after each reconnection. */
class Reader {
  live = [];
  all = new Map();

  constructor(user, socket, roomCode) {
    socket.on("MSG_TO_CLIENTS", (message) => {
      if (message.sender === "server") return;
      this.live.push(message.id);
      this.all.set(message.id, message.msg);
    });
    this.catchUp = async () => {
      for (const { id, msg } of await user.wholeHistory(roomCode)) this.all.set(id, msg);
    };
  }
}

/** Sends `msg` with a client id until it is acknowledged, as a client must that wants exactly-once. */
async function sendUntilAcknowledged(socket, roomCode, msg) {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      const answer = await socket.timeout(500).emitWithAck("chat:message", { roomCode, msg, clientId: `id of ${msg}` });
      if (answer.success) return answer.result.message.id;
    } catch {
      // Not acknowledged: the message may or may not be stored, so the same client id is sent again.
    }
    await pause(50);
  }
  throw new Error(`"${msg}" was never acknowledged`);
}

export function resilience(context) {
  describe("kill -9 mid-session", () => {
    afterEach(disconnectAll);

    for (const [name, transports] of Object.entries(TRANSPORTS)) {
      test(`the clients come back and see each message exactly once (${name})`, { timeout: 60_000 }, async () => {
        const roomcast = await Roomcast.start(context.store);
        try {
          const [ann, bob] = [await roomcast.user("Ann"), await roomcast.user("Bob")];
          const roomCode = await ann.createRoom("Lobby");
          await ann.joinRoom(roomCode);
          await bob.joinRoom(roomCode);
          const annSocket = await ann.online({ transports });
          const bobSocket = await bob.online({ transports });
          const reader = new Reader(bob, bobSocket, roomCode);
          const texts = Array.from({ length: 60 }, (_, i) => `message ${i}`);
          const sending = (async () => {
            const ids = [];
            // Several at a time, so that the kill finds some of them under way.
            for (let i = 0; i < texts.length; i += 6) {
              ids.push(...(await Promise.all(texts.slice(i, i + 6).map((msg) => sendUntilAcknowledged(annSocket, roomCode, msg)))));
            }
            return ids;
          })();
          for (const mark of [15, 35]) {
            await until(`${mark} messages`, () => reader.all.size >= mark, { timeout: 20_000 });
            const back = once(bobSocket, "connect", 20_000);
            await roomcast.kill("SIGKILL");
            await roomcast.resume();
            await back;
            await reader.catchUp();
          }
          const acknowledged = await sending;
          const fence = await sendUntilAcknowledged(annSocket, roomCode, "fence");
          await until("the fence", () => reader.all.has(fence), { timeout: 10_000 });
          await reader.catchUp();
          assert.equal(new Set(reader.live).size, reader.live.length, "no message came twice over the socket");
          const seen = [...reader.all.values()].filter((msg) => msg !== "fence");
          assert.deepEqual([...seen].sort(), [...texts].sort(), "each text once");
          assert.ok(acknowledged.every((id) => reader.all.has(id)), "what was acknowledged is there");
          assert.equal(new Set(acknowledged).size, texts.length);
          const history = (await ann.wholeHistory(roomCode)).map(({ msg }) => msg);
          assert.deepEqual([...history].sort(), [...texts, "fence"].sort());
        } finally {
          disconnectAll();
          await roomcast.kill();
        }
      });
    }

    test("accounts, tokens, rooms, memberships and revocations are still there", async () => {
      const roomcast = await Roomcast.start(context.store);
      try {
        const [ann, bob] = [await roomcast.user("Ann"), await roomcast.user("Bob")];
        const roomCode = await ann.createRoom("Lobby");
        await ann.joinRoom(roomCode);
        const message = await ann.say(roomCode, "durable", { clientId: "one" });
        const revoked = bob.cookie;
        succeeded(await bob.post("/auth/logout"));
        await roomcast.kill("SIGKILL");
        await roomcast.resume();
        succeeded(await ann.get("/auth/me"));
        assert.deepEqual(await ann.wholeHistory(roomCode), [message]);
        // The room is still the current one, and the client id still counts.
        const again = succeeded(await ann.post("/chat/message", { roomCode, msg: "durable", clientId: "one" }));
        assert.equal(again.duplicate ?? again.result.duplicate, true);
        failed(await roomcast.visitor().get("/auth/me", { cookie: `token=${revoked}` }), 401);
        succeeded(await bob.post("/auth/login", { email: bob.email, password: bob.password }));
      } finally {
        await roomcast.kill();
      }
    });

    test("SIGTERM ends the program cleanly, and clients come back after the restart", async () => {
      const roomcast = await Roomcast.start(context.store);
      try {
        const ann = await roomcast.user("Ann");
        const socket = await ann.online();
        const back = once(socket, "connect", 20_000);
        const { code, signal } = await roomcast.kill("SIGTERM");
        assert.ok(code === 0 || signal === "SIGTERM", `ended with ${code ?? signal}`);
        await roomcast.resume();
        await back;
        await messageWhere(socket, ({ msg }) => msg === "Connected.");
      } finally {
        disconnectAll();
        await roomcast.kill();
      }
    });
  });

  // SQLite is a file beside the server and cannot be away; an external MongoDB is not ours to kill.
  const skip = !(context.store instanceof Mongo) || process.env.DB_URL !== undefined;
  describe("the database is away", { skip }, () => {
    afterEach(disconnectAll);

    test("at start: the server is up but not ready, says so, and recovers", { timeout: 90_000 }, async () => {
      const store = await new Mongo().start();
      await store.kill();
      const roomcast = await Roomcast.start(store, {}, { wait: false });
      try {
        await answers(roomcast, "/readyz", 503, 30_000);
        assert.equal(await roomcast.status("/healthz"), 200);
        await until("a word about the database", () => /database|mongo/i.test(roomcast.output), { timeout: 20_000 });
        await store.start();
        await answers(roomcast, "/readyz", 200, 40_000);
        await roomcast.user();
      } finally {
        await roomcast.kill();
        await store.close();
      }
    });

    test("later: requests fail with 503, sockets live on, and all recovers", { timeout: 120_000 }, async () => {
      const store = await new Mongo().start();
      const roomcast = await Roomcast.start(store);
      try {
        const ann = await roomcast.user("Ann");
        const roomCode = await ann.createRoom("Lobby");
        await ann.joinRoom(roomCode);
        const socket = await ann.online();
        const { id } = socket;
        await store.kill();
        failed(await ann.post("/chat/message", { roomCode, msg: "lost" }), 503);
        await answers(roomcast, "/readyz", 503, 40_000);
        const refused = await socket.timeout(40_000).emitWithAck("chat:message", { roomCode, msg: "lost" });
        assert.equal(refused.success, false);
        assert.equal(socket.connected, true);
        await store.start();
        await answers(roomcast, "/readyz", 200, 40_000);
        const sent = await until(
          "a stored message",
          async () => {
            const answer = await request(socket, "chat:message", { roomCode, msg: "back" }).catch(() => null);
            return answer?.success ? answer.result.message : null;
          },
          { timeout: 30_000, every: 200 },
        );
        await messageWhere(socket, (message) => message.id === sent.id);
        assert.equal(socket.id, id, "the socket lived through it");
      } finally {
        disconnectAll();
        await roomcast.kill();
        await store.close();
      }
    });
  });
}
