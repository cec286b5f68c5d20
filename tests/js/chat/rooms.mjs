// Rooms, messages and history over HTTP.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failed, succeeded } from "../support/expect.mjs";

export function rooms(context) {
  const user = (name) => context.roomcast.user(name);

  describe("rooms", () => {
    test("are created by POST with a body and by GET with a query, and listed", async () => {
      const someone = await user();
      const created = [
        await someone.post("/chat/create-room", { roomName: "By post" }),
        await someone.post("/chat/create-room?roomName=By%20post%20query"),
        await someone.get("/chat/create-room?roomName=B%C3%BD%20get"),
      ].map((answer) => succeeded(answer).result.newRoom);
      assert.deepEqual(
        created.map(({ name }) => name),
        ["By post", "By post query", "Bý get"],
      );
      const { result } = succeeded(await someone.get("/chat/rooms"));
      for (const { code, name } of created) {
        assert.equal(typeof code, "string");
        assert.equal(result.rooms.find((room) => room.code === code)?.name, name);
      }
      assert.equal(new Set(created.map(({ code }) => code)).size, 3);
    });

    for (const [what, body] of [
      ["without a name", {}],
      ["with a blank name", { roomName: "   " }],
      ["with a name over 80 characters", { roomName: "é".repeat(81) }],
      ["with a number as name", { roomName: 5 }],
    ]) {
      test(`${what} are refused with 400`, async () => {
        failed(await (await user()).post("/chat/create-room", body), 400);
      });
    }

    test("may have names of 80 characters", async () => {
      succeeded(await (await user()).post("/chat/create-room", { roomName: "é".repeat(80) }));
    });

    test("are not entered by their creator", async () => {
      const someone = await user();
      const roomCode = await someone.createRoom();
      failed(await someone.post("/chat/message", { roomCode, msg: "x" }), 403);
      // The creator is a member all the same, and members read.
      succeeded(await someone.get(`/chat/messages/${roomCode}`));
    });

    test("are joined by POST and GET", async () => {
      const someone = await user();
      for (const method of ["POST", "GET"]) {
        const roomCode = await someone.createRoom();
        succeeded(await someone.call(method, `/chat/join-room/${roomCode}`));
        succeeded(await someone.post("/chat/message", { roomCode, msg: "x" }));
      }
    });

    test("of unknown code answer 404 and say which", async () => {
      const someone = await user();
      for (const method of ["GET", "POST"]) {
        const answer = await someone.call(method, "/chat/join-room/NOSUCH");
        assert.equal(failed(answer, 404), "No room of code NOSUCH exists");
      }
      failed(await someone.get("/chat/messages/NOSUCH"), 404, 403);
      failed(await someone.post("/chat/message", { roomCode: "NOSUCH", msg: "x" }), 403, 404);
    });

    test("are left when another one is joined, and joined again at will", async () => {
      const someone = await user();
      const one = await someone.createRoom("One");
      const two = await someone.createRoom("Two");
      await someone.joinRoom(one);
      await someone.joinRoom(two);
      failed(await someone.post("/chat/message", { roomCode: one, msg: "x" }), 403);
      succeeded(await someone.post("/chat/message", { roomCode: two, msg: "x" }));
      await someone.joinRoom(one);
      await someone.joinRoom(one);
      succeeded(await someone.post("/chat/message", { roomCode: one, msg: "x" }));
    });

    test("that were left take no messages but let their members read", async () => {
      const someone = await user();
      const roomCode = await someone.createRoom();
      await someone.joinRoom(roomCode);
      const message = await someone.say(roomCode, "before");
      succeeded(await someone.post("/chat/leave-room"));
      failed(await someone.post("/chat/message", { roomCode, msg: "after" }), 403);
      assert.deepEqual(await someone.wholeHistory(roomCode), [message]);
    });
  });

  describe("a message", () => {
    test("is answered as it was stored", async () => {
      const someone = await user("Ann");
      const roomCode = await someone.createRoom("Lobby");
      await someone.joinRoom(roomCode);
      const msg = "<b>héllo</b> 🦀 \u2028 $where {\"$gt\":1}";
      const { result } = succeeded(await someone.post("/chat/message", { roomCode, msg }));
      const { id, at, ...others } = result.message;
      assert.deepEqual(others, { roomCode, userOid: someone.userOid, sender: "Ann (from Lobby)", msg });
      assert.equal(typeof id, "string");
      assert.notEqual(id, "");
      assert.ok(Math.abs(new Date(at).getTime() - Date.now()) < 60_000, `at is ${at}`);
      assert.deepEqual(await someone.wholeHistory(roomCode), [result.message]);
    });

    for (const [what, msg] of [
      ["missing", undefined],
      ["empty", ""],
      ["blank", " \n\t "],
      ["over 4,000 characters", "é".repeat(4001)],
      ["a number", 5],
      ["an object", { $gt: "" }],
    ]) {
      test(`that is ${what} is refused with 400`, async () => {
        const someone = await user();
        const roomCode = await someone.createRoom();
        await someone.joinRoom(roomCode);
        failed(await someone.post("/chat/message", { roomCode, msg }), 400);
        assert.deepEqual(await someone.wholeHistory(roomCode), []);
      });
    }

    test("may have 4,000 characters", async () => {
      const someone = await user();
      const roomCode = await someone.createRoom();
      await someone.joinRoom(roomCode);
      const msg = "é".repeat(4000);
      assert.equal((await someone.say(roomCode, msg)).msg, msg);
    });

    test("to a room without code or with an object as code is refused", async () => {
      const someone = await user();
      failed(await someone.post("/chat/message", { msg: "x" }), 400);
      failed(await someone.post("/chat/message", { roomCode: { $ne: "" }, msg: "x" }), 400);
    });

    test("with a client id is stored once however often it is sent", async () => {
      const someone = await user();
      const roomCode = await someone.createRoom();
      await someone.joinRoom(roomCode);
      const body = { roomCode, msg: "once", clientId: "c".repeat(64) };
      const first = succeeded(await someone.post("/chat/message", body));
      assert.notEqual(first.duplicate ?? first.result.duplicate, true);
      const again = succeeded(await someone.post("/chat/message", { ...body, msg: "another text" }));
      assert.equal(again.duplicate ?? again.result.duplicate, true);
      assert.deepEqual(again.result.message, first.result.message);
      const atOnce = await Promise.all(
        Array.from({ length: 6 }, () => someone.post("/chat/message", { roomCode, msg: "race", clientId: "race" })),
      );
      const bodies = atOnce.map(succeeded);
      assert.equal(bodies.filter((one) => (one.duplicate ?? one.result.duplicate) !== true).length, 1);
      assert.equal(new Set(bodies.map((one) => one.result.message.id)).size, 1);
      assert.deepEqual(
        (await someone.wholeHistory(roomCode)).map(({ msg }) => msg),
        ["once", "race"],
      );
    });

    test("of another user may have the same client id", async () => {
      const [ann, bob] = [await user("Ann"), await user("Bob")];
      const roomCode = await ann.createRoom();
      for (const someone of [ann, bob]) {
        await someone.joinRoom(roomCode);
        await someone.say(roomCode, "hi", { clientId: "same" });
      }
      assert.equal((await ann.wholeHistory(roomCode)).length, 2);
    });

    test("with a client id over 64 characters or of another type is refused", async () => {
      const someone = await user();
      const roomCode = await someone.createRoom();
      await someone.joinRoom(roomCode);
      for (const clientId of ["c".repeat(65), 5, {}]) {
        failed(await someone.post("/chat/message", { roomCode, msg: "x", clientId }), 400);
      }
    });
  });

  describe("history", () => {
    test("comes in pages, newest page first, oldest message first, while new messages arrive", async () => {
      const someone = await user();
      const roomCode = await someone.createRoom();
      await someone.joinRoom(roomCode);
      const texts = Array.from({ length: 25 }, (_, i) => `message ${i}`);
      for (const text of texts) await someone.say(roomCode, text);
      const page = async (query) => succeeded(await someone.get(`/chat/messages/${roomCode}${query}`)).result;
      const first = await page("?limit=10");
      assert.deepEqual(first.messages.map(({ msg }) => msg), texts.slice(15));
      assert.equal(first.next, first.messages[0].id);
      await someone.say(roomCode, "new while reading");
      const second = await page(`?limit=10&before=${first.next}`);
      assert.deepEqual(second.messages.map(({ msg }) => msg), texts.slice(5, 15));
      const third = await page(`?limit=10&before=${second.next}`);
      assert.deepEqual(third.messages.map(({ msg }) => msg), texts.slice(0, 5));
      assert.equal(third.next, null);
      const exact = await page(`?limit=5&before=${second.next}`);
      assert.equal(exact.messages.length, 5);
      assert.equal(exact.next, null, "a page that ends at the oldest message has no next one");
    });

    test("has 50 messages a page unless asked otherwise, and up to 200", async () => {
      const someone = await user();
      const roomCode = await someone.createRoom();
      await someone.joinRoom(roomCode);
      // Sent a few at a time: their order among each other does not matter here.
      for (let i = 0; i < 205; i += 41) {
        await Promise.all(Array.from({ length: 41 }, (_, j) => someone.say(roomCode, `message ${i + j}`)));
      }
      const count = async (query) => succeeded(await someone.get(`/chat/messages/${roomCode}${query}`)).result.messages.length;
      assert.equal(await count(""), 50);
      assert.equal(await count("?limit=1"), 1);
      assert.equal(await count("?limit=200"), 200);
      const all = await someone.wholeHistory(roomCode, 60);
      assert.equal(new Set(all.map(({ id }) => id)).size, 205);
      assert.equal(all.length, 205);
    });

    test("refuses bad limits and cursors with 400", async () => {
      const someone = await user();
      const roomCode = await someone.createRoom();
      await someone.joinRoom(roomCode);
      for (const query of ["limit=0", "limit=201", "limit=-1", "limit=abc", "limit=1.5", "before=xyz", "before=ffffffffffffffffffffffff"]) {
        const answer = await someone.get(`/chat/messages/${roomCode}?${query}`);
        assert.equal(answer.status, 400, `${query}: ${answer.status} ${answer.text}`);
        failed(answer, 400);
      }
    });

    test("refuses the id of a message of another room as cursor", async () => {
      const someone = await user();
      const [one, two] = [await someone.createRoom("One"), await someone.createRoom("Two")];
      await someone.joinRoom(one);
      const { id } = await someone.say(one, "secret");
      await someone.joinRoom(two);
      failed(await someone.get(`/chat/messages/${two}?before=${id}`), 400);
    });

    test("is closed to those who never joined", async () => {
      const [ann, bob] = [await user("Ann"), await user("Bob")];
      const roomCode = await ann.createRoom();
      failed(await bob.get(`/chat/messages/${roomCode}`), 403);
    });

    test("holds no notices", async () => {
      const [ann, bob] = [await user("Ann"), await user("Bob")];
      const roomCode = await ann.createRoom();
      await ann.joinRoom(roomCode);
      await bob.joinRoom(roomCode);
      succeeded(await bob.post("/chat/leave-room"));
      const message = await ann.say(roomCode, "the only one");
      assert.deepEqual(await ann.wholeHistory(roomCode), [message]);
    });
  });
}
