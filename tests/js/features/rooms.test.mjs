// Whom broadcasts reach, seen by official clients.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { TRANSPORTS, connect, disconnectAll, ready } from "../support/official.mjs";
import { startFeature } from "../support/program.mjs";
import { once, until } from "../support/wait.mjs";

let server;

before(async () => {
  server = await startFeature("rooms");
});
after(() => server?.kill());
afterEach(disconnectAll);

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  describe(`rooms, ${name}:`, () => {
    async function member(...rooms) {
      const socket = await connect(server.url, { transports, query: { rooms }, auth: { name: rooms.join() } });
      assert.equal(await socket.emitWithAck("join", rooms), true);
      const texts = [];
      socket.on("text", (text) => texts.push(text));
      return { socket, texts };
    }

    /** Lets everything arrive that was sent before, and answers what each member got. */
    async function texts(members) {
      members[0].socket.emit("emit", {}, "end");
      await until("the last text", () => members.every(({ texts }) => texts.includes("end")));
      return members.map(({ texts }) => texts.splice(0).filter((text) => text !== "end"));
    }

    test("several rooms are a union with one copy for each, and exceptions come last", async () => {
      const members = await Promise.all([member("a"), member("b"), member("a", "b"), member("a", "muted")]);
      const [{ socket }] = members;
      socket.emit("emit", { rooms: ["a", "b"] }, "both");
      assert.deepEqual(await texts(members), [["both"], ["both"], ["both"], ["both"]]);
      socket.emit("emit", { rooms: ["a", "b"], except: ["muted", members[2].socket.id] }, "some");
      assert.deepEqual(await texts(members), [["some"], ["some"], [], []]);
      socket.emit("emit", { except: ["b"] }, "not b");
      assert.deepEqual(await texts(members), [["not b"], [], [], ["not b"]]);
      socket.emit("emit", { rooms: [] }, "nobody");
      assert.deepEqual(await texts(members), [[], [], [], []]);
    });

    test("a sender is not among those it sends to", async () => {
      const members = await Promise.all([member("a"), member("a"), member("b", "muted")]);
      members[0].socket.emit("others", { rooms: ["a", "b"], except: ["muted"] }, "hello");
      assert.deepEqual(await texts(members), [[], ["hello"], []]);
    });

    test("the server has sockets join and leave rooms", async () => {
      const members = await Promise.all([member("a"), member("b")]);
      const [{ socket }] = members;
      assert.equal(await socket.emitWithAck("add", { rooms: ["b"] }, ["x", "y"]), true);
      await socket.emitWithAck("drop", {}, ["x"]);
      socket.emit("emit", { rooms: ["x"] }, "x");
      socket.emit("emit", { rooms: ["y"] }, "y");
      assert.deepEqual(await texts(members), [[], ["y"]]);
    });

    test("sockets are fetched with their rooms, data and handshake", async () => {
      const [{ socket }, other] = await Promise.all([member("a"), member("b")]);
      const fetched = await socket.emitWithAck("fetch", { rooms: ["b"] });
      const { id } = other.socket;
      assert.equal(fetched.length, 1);
      assert.deepEqual(fetched[0].id, id);
      assert.deepEqual(fetched[0].rooms.sort(), [id, "b"].sort());
      assert.deepEqual(fetched[0].data, { rooms: 1 });
      assert.equal(fetched[0].query.rooms, "b");
      assert.deepEqual(fetched[0].auth, { name: "b" });
    });

    /** A member of room `b` with a second socket: the client keeps a connection only as long as it has a socket on it. */
    async function memberWithTwo() {
      const other = await member("b");
      const beside = await ready(other.socket.io.socket("/beside"));
      return { ...other, beside };
    }

    test("what is sent before everyone in a room is disconnected arrives first, and the connection stays", async () => {
      const [{ socket }, other] = await Promise.all([member("a"), memberWithTwo()]);
      const end = once(other.socket, "disconnect");
      socket.emit("kick", { rooms: ["b"] }, false);
      assert.equal((await end)[0], "io server disconnect");
      assert.deepEqual(other.texts, ["bye"]);
      assert.equal(await other.beside.emitWithAck("ping?"), "pong");
      assert.equal(socket.connected, true);
    });

    test("everyone in a room can be disconnected with the whole connection", async () => {
      const [{ socket }, other] = await Promise.all([member("a"), memberWithTwo()]);
      other.socket.io.reconnection(false);
      const ends = [once(other.socket, "disconnect"), once(other.beside, "disconnect")];
      socket.emit("kick", { rooms: ["b"] }, true);
      // The client handles packets later than the end of their connection if both come in one response.
      const [[reason], [reasonBeside]] = await Promise.all(ends);
      assert.ok(["io server disconnect", "transport close"].includes(reason), reason);
      assert.equal(reasonBeside, "transport close");
      assert.equal(socket.connected, true);
    });
  });
}
