// Realtime: the socket's authentication, events and acknowledgements, and the one live socket of each user.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { failedBody, succeeded } from "../support/expect.mjs";
import { TRANSPORTS, disconnectAll } from "../support/official.mjs";
import { disconnected, forge, messageWhere, request } from "../support/roomcast.mjs";
import { once, pause, until } from "../support/wait.mjs";

export function realtime(context) {
  const user = (name) => context.roomcast.user(name);
  const text = (msg) => (message) => message.msg === msg;

  /** Two users in one room, both online. */
  async function pair(options) {
    const [ann, bob] = [await user("Ann"), await user("Bob")];
    const roomCode = await ann.createRoom("Lobby");
    await ann.joinRoom(roomCode);
    await bob.joinRoom(roomCode);
    return { ann, bob, roomCode, annSocket: await ann.online(options), bobSocket: await bob.online(options) };
  }

  describe("a socket", () => {
    afterEach(disconnectAll);

    for (const [name, transports] of Object.entries(TRANSPORTS)) {
      test(`is welcomed with the cookie (${name})`, async () => {
        const socket = await (await user()).online({ transports });
        assert.equal(socket.connected, true);
      });

      test(`is welcomed with auth.token (${name})`, async () => {
        const someone = await user();
        const token = someone.cookie;
        someone.cookie = null;
        await someone.online({ transports, auth: { token } });
      });

      test(`without or with a bad token is disconnected by the server and does not come back (${name})`, async () => {
        const someone = await user();
        for (const [cookie, options] of [
          [null, {}],
          [null, { auth: { token: "broken" } }],
          [null, { auth: { token: { $ne: null } } }],
          ["broken", {}],
          [null, { auth: { token: forge({ userOid: "0".repeat(24), email: "a@b.example", name: "A", exp: 1 }) } }],
        ]) {
          someone.cookie = cookie;
          const socket = someone.socket({ transports, ...options });
          let connects = 0;
          socket.on("connect", () => (connects += 1));
          assert.equal(await disconnected(socket), "io server disconnect");
          assert.equal(connects, 1, "CONNECT is answered first");
          assert.equal(socket.active, false, "the client does not try again");
          assert.equal(socket.messages.size, 0);
        }
      });
    }

    test("with a bad cookie may still show auth.token; the good cookie counts first", async () => {
      const [ann, bob] = [await user("Ann"), await user("Bob")];
      const roomCode = await ann.createRoom();
      await ann.joinRoom(roomCode);
      const annSocket = await ann.online({ auth: { token: bob.cookie } });
      await ann.say(roomCode, "for Ann");
      await messageWhere(annSocket, text("for Ann"));
      const token = bob.cookie;
      bob.cookie = "broken";
      await bob.online({ auth: { token } });
    });

    test("gets the session cookie io by polling", async () => {
      const answer = await context.roomcast.visitor().get("/socket.io/?EIO=4&transport=polling");
      assert.equal(answer.status, 200);
      const { sid } = JSON.parse(answer.text.slice(1));
      const line = answer.setCookie.find((one) => one.startsWith("io="));
      assert.ok(line?.startsWith(`io=${sid};`), answer.setCookie.join("\n"));
      assert.match(line, /; HttpOnly/i);
    });
  });

  describe("a message", () => {
    afterEach(disconnectAll);

    for (const [name, transports] of Object.entries(TRANSPORTS)) {
      test(`by HTTP reaches everyone in the room and nobody else (${name})`, async () => {
        const { ann, roomCode, annSocket, bobSocket } = await pair({ transports });
        const eve = await user("Eve");
        const other = await eve.createRoom("Other");
        await eve.joinRoom(other);
        const eveSocket = await eve.online({ transports });
        const stored = await ann.say(roomCode, "hello");
        for (const socket of [annSocket, bobSocket]) {
          const { sender, msg, ...more } = await messageWhere(socket, text("hello"));
          assert.equal(sender, "Ann (from Lobby)");
          assert.equal(msg, "hello");
          assert.equal(more.id, stored.id);
          assert.equal(more.roomCode, roomCode);
          assert.equal(more.userOid, ann.userOid);
        }
        // What comes next to the outsider is a message of the own room and not Ann's.
        await eve.say(other, "mine");
        const first = await messageWhere(eveSocket, ({ sender }) => sender !== "server");
        assert.equal(first.msg, "mine");
      });
    }

    test("by socket is answered and delivered like one by HTTP", async () => {
      const { ann, roomCode, annSocket, bobSocket } = await pair();
      const answer = await request(annSocket, "chat:message", { roomCode, msg: "by socket", clientId: "one" });
      assert.equal(answer.success, true, JSON.stringify(answer));
      assert.equal(answer.result.message.msg, "by socket");
      assert.equal(answer.result.message.sender, "Ann (from Lobby)");
      assert.equal((await messageWhere(bobSocket, text("by socket"))).id, answer.result.message.id);
      const again = await request(annSocket, "chat:message", { roomCode, msg: "by socket", clientId: "one" });
      assert.equal(again.duplicate ?? again.result.duplicate, true);
      const byHttp = succeeded(await ann.post("/chat/message", { roomCode, msg: "by socket", clientId: "one" }));
      assert.equal(byHttp.duplicate ?? byHttp.result.duplicate, true);
      // The duplicates were not delivered: the fence is what comes next.
      await ann.say(roomCode, "fence");
      assert.equal((await messageWhere(bobSocket, ({ sender }) => sender !== "server")).msg, "fence");
    });

    test("many in a row arrive in order, once each", async () => {
      const { roomCode, annSocket, bobSocket } = await pair();
      const texts = Array.from({ length: 100 }, (_, i) => `message ${i}`);
      const answers = await Promise.all(texts.map((msg) => request(annSocket, "chat:message", { roomCode, msg })));
      assert.deepEqual(answers.map(({ result }) => result?.message.msg), texts);
      const received = [];
      while (received.length < 100) {
        const message = await messageWhere(bobSocket, ({ sender }) => sender !== "server");
        received.push(message.msg);
      }
      assert.deepEqual(received, texts);
    });

    test("event that is refused is acknowledged with the failure", async () => {
      const { roomCode, annSocket } = await pair();
      for (const payload of [
        { roomCode, msg: " " },
        { roomCode, msg: "x".repeat(4001) },
        { roomCode: "NOSUCH", msg: "x" },
        { roomCode },
        { roomCode, msg: "x", clientId: 5 },
        "text",
        null,
        [],
        7,
      ]) {
        failedBody(await request(annSocket, "chat:message", payload));
      }
      failedBody(await annSocket.timeout(5000).emitWithAck("chat:message"));
      // Neither does the same without acknowledgement harm the connection.
      annSocket.emit("chat:message");
      annSocket.emit("chat:message", null);
      annSocket.emit("chat:unknown", {});
      assert.equal((await request(annSocket, "chat:message", { roomCode, msg: "fine" })).success, true);
    });
  });

  describe("rooms by socket", () => {
    afterEach(disconnectAll);

    test("are joined, told about, left and told about again", async () => {
      const [ann, bob] = [await user("Ann"), await user("Bob")];
      const roomCode = await ann.createRoom("Lobby");
      await ann.joinRoom(roomCode);
      const annSocket = await ann.online();
      const bobSocket = await bob.online();
      assert.equal((await request(bobSocket, "chat:join", { roomCode })).success, true);
      const joined = await messageWhere(annSocket, ({ msg }) => msg.startsWith("Bob just"));
      assert.equal(joined.msg, "Bob just connected to room Lobby");
      assert.equal(joined.sender, "server");
      await ann.say(roomCode, "hello Bob");
      await messageWhere(bobSocket, text("hello Bob"));
      assert.equal((await request(bobSocket, "chat:leave", {})).success, true);
      const left = await messageWhere(annSocket, ({ msg }) => msg.startsWith("Bob left"));
      assert.equal(left.msg, "Bob left room: Lobby");
      assert.equal(left.sender, "server");
      failedBody(await request(bobSocket, "chat:message", { roomCode, msg: "x" }));
    });

    test("are told by HTTP joins too, and the room that is left for another is told", async () => {
      const [ann, bob] = [await user("Ann"), await user("Bob")];
      const one = await ann.createRoom("One");
      const two = await ann.createRoom("Two");
      await ann.joinRoom(one);
      const annSocket = await ann.online();
      await bob.joinRoom(one);
      await messageWhere(annSocket, text("Bob just connected to room One"));
      await bob.joinRoom(two);
      await messageWhere(annSocket, text("Bob left room: One"));
    });

    test("of unknown code are refused like by HTTP", async () => {
      const socket = await (await user()).online();
      const answer = await request(socket, "chat:join", { roomCode: "NOSUCH" });
      assert.equal(failedBody(answer), "No room of code NOSUCH exists");
      for (const payload of [{}, { roomCode: 5 }, "NOSUCH", null]) {
        failedBody(await request(socket, "chat:join", payload));
      }
    });

    test("joined before the socket connects are entered by it", async () => {
      const { ann, roomCode, bobSocket } = await pair();
      await ann.say(roomCode, "hello");
      await messageWhere(bobSocket, text("hello"));
    });

    test("are entered again by a socket that comes back", async () => {
      const { ann, roomCode, bobSocket } = await pair();
      bobSocket.io.engine.close();
      await once(bobSocket, "connect");
      await messageWhere(bobSocket, text("Connected."));
      await ann.say(roomCode, "welcome back");
      await messageWhere(bobSocket, text("welcome back"));
    });

    test("have their history by socket as by HTTP", async () => {
      const { ann, roomCode, annSocket } = await pair();
      for (let i = 0; i < 5; i++) await ann.say(roomCode, `message ${i}`);
      const page = async (query) => {
        const { success, result } = await request(annSocket, "chat:history", { roomCode, ...query });
        assert.equal(success, true);
        return result;
      };
      const first = await page({ limit: 3 });
      assert.deepEqual(first, succeeded(await ann.get(`/chat/messages/${roomCode}?limit=3`)).result);
      const second = await page({ limit: 3, before: first.next });
      assert.deepEqual(second.messages.map(({ msg }) => msg), ["message 0", "message 1"]);
      assert.equal(second.next, null);
      failedBody(await request(annSocket, "chat:history", { roomCode, limit: 0 }));
      failedBody(await request(annSocket, "chat:history", { roomCode, limit: 201 }));
      failedBody(await request(annSocket, "chat:history", { roomCode, before: "xyz" }));
      failedBody(await request(annSocket, "chat:history", { roomCode: "NOSUCH" }));
    });
  });

  describe("one live socket per user", () => {
    afterEach(disconnectAll);

    test("the second replaces the first, which is told, and survives its disconnect", async () => {
      const { ann, bob, roomCode, bobSocket: first } = await pair();
      const told = once(first, "session:replaced");
      const reason = disconnected(first);
      const second = await bob.online();
      await told;
      assert.equal(await reason, "io server disconnect");
      assert.equal(first.active, false);
      await ann.say(roomCode, "to the new one");
      await messageWhere(second, text("to the new one"));
      // The registry's entry is the new one's: logging out still finds and ends it.
      const end = disconnected(second);
      succeeded(await bob.post("/auth/logout"));
      assert.equal(await end, "io server disconnect");
    });

    test("each of many replacements leaves exactly one", async () => {
      const someone = await user();
      const sockets = [];
      for (let i = 0; i < 6; i++) sockets.push(await someone.online({ reconnection: false }));
      await until("five ends", () => sockets.slice(0, 5).every((socket) => !socket.connected));
      assert.equal(sockets[5].connected, true);
    });

    test("log-out ends it", async () => {
      const someone = await user();
      const socket = await someone.online();
      const reason = disconnected(socket);
      succeeded(await someone.post("/auth/logout"));
      assert.equal(await reason, "io server disconnect");
      // And the revoked token opens no other.
      const again = someone.socket({ auth: socket.auth, extraHeaders: socket.io.opts.extraHeaders });
      assert.equal(await disconnected(again), "io server disconnect");
    });
  });

  describe("an expiring token", () => {
    afterEach(disconnectAll);

    /** `expiresAt` in milliseconds, whether it came as number or as text. */
    const milliseconds = ({ expiresAt }) => {
      if (typeof expiresAt !== "number") return Date.parse(expiresAt);
      return expiresAt < 1e11 ? expiresAt * 1000 : expiresAt;
    };

    test("is announced once, a third of its life before the end, and ends the socket", async () => {
      const someone = await context.shortLived().then((roomcast) => roomcast.user());
      const begin = Date.now();
      let warnings = 0;
      const socket = someone.socket();
      socket.on("auth:expiring", () => (warnings += 1));
      const [warning] = await once(socket, "auth:expiring", 6000);
      const warned = Date.now() - begin;
      // Tokens are stamped in whole seconds, so one of 4 s may be up to one second older than it seems.
      assert.ok(warned > 1400 && warned < 3600, `announced after ${warned} ms`);
      const left = milliseconds(warning) - Date.now();
      assert.ok(left > 500 && left < 2000, `${left} ms left`);
      assert.equal(await disconnected(socket), "io server disconnect");
      assert.ok(Date.now() - begin > 2800, "the socket ended before its token");
      assert.ok(Date.now() - begin < 6000, "the socket outlived its token");
      assert.equal(warnings, 1);
      assert.equal((await someone.get("/auth/me")).status, 401);
    });

    test("that is refreshed keeps its socket, and the new one is announced in its turn", async () => {
      const someone = await context.shortLived().then((roomcast) => roomcast.user());
      const socket = await someone.online();
      const { id } = socket;
      const [first] = await once(socket, "auth:expiring", 6000);
      succeeded(await someone.post("/auth/refresh"));
      const [second] = await once(socket, "auth:expiring", 6000);
      assert.ok(milliseconds(second) > milliseconds(first));
      // The first token has ended by now or does so before the second one; the socket lives past its end.
      await pause(Math.max(0, milliseconds(first) - Date.now()) + 200);
      assert.equal(socket.connected, true);
      assert.equal(socket.id, id);
    });

    test("that is refreshed by a bearer without cookie keeps the socket of auth.token", async () => {
      const someone = await context.shortLived().then((roomcast) => roomcast.user());
      const token = someone.cookie;
      someone.cookie = null;
      const socket = await someone.online({ auth: { token } });
      const [first] = await once(socket, "auth:expiring", 6000);
      const answer = await someone.post("/auth/refresh", { returnToken: true }, { authorization: `Bearer ${token}` });
      assert.equal(typeof succeeded(answer).result.token, "string");
      await pause(Math.max(0, milliseconds(first) - Date.now()) + 200);
      assert.equal(socket.connected, true);
    });
  });
}
