// Listeners, middlewares of events, errors, deadlines and told ends, with the official client.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { TRANSPORTS, client, connect, disconnectAll, ready } from "../support/official.mjs";
import { startFeature } from "../support/program.mjs";
import { once } from "../support/wait.mjs";

let server;

before(async () => {
  server = await startFeature("listeners");
});
after(() => server?.kill());
afterEach(disconnectAll);

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  describe(`${name}:`, () => {
    const open = () => connect(server.url, { transports });

    /** A socket that is told of the errors and ends of all others. */
    async function watcher() {
      const socket = await open();
      assert.equal(await socket.emitWithAck("watch"), true);
      return socket;
    }

    test("a middleware changes the name and the arguments of an event", async () => {
      const socket = await open();
      assert.equal(await socket.emitWithAck("old"), "the listener of `new`");
      assert.equal(await socket.emitWithAck("shout", "höher"), "HÖHER");
    });

    test("an event that a middleware refuses reaches no listener, its sender and error listeners are told", async () => {
      const [watching, socket] = [await watcher(), await open()];
      const told = once(watching, "error:told");
      assert.deepEqual(await socket.emitWithAck("secret"), { error: "you may not" });
      assert.deepEqual(await told, ["secret", "Refused", "you may not"]);
    });

    test("arguments of a wrong type are told to the sender and to error listeners", async () => {
      const [watching, socket] = [await watcher(), await open()];
      const told = once(watching, "error:told");
      const answer = await socket.emitWithAck("sum", 1, "2");
      assert.match(answer.error, /^invalid type: string "2", expected i64/);
      assert.deepEqual(await told, ["sum", "Arguments", answer.error]);
      assert.equal(await socket.emitWithAck("sum", 1, 2), 3);
    });

    test("errors of listeners neither crash nor vanish, and the socket goes on", async () => {
      const [watching, socket] = [await watcher(), await open()];
      for (const [event, message] of [
        ["fail", "out of luck"],
        ["fail later", "out of luck, later"],
      ]) {
        const told = once(watching, "error:told");
        socket.emit(event);
        assert.deepEqual(await told, [event, "Failed", message]);
      }
      assert.equal(await socket.emitWithAck("sum", 1, 2), 3);
    });

    test("listeners share values of the server and of their socket", async () => {
      const [watching, socket] = [await watcher(), await open()];
      const told = once(watching, "error:told");
      assert.deepEqual(await socket.emitWithAck("greet"), { error: "internal error" });
      assert.deepEqual((await told).slice(0, 2), ["greet", "Missing"]);
      await socket.emitWithAck("name", "Ann");
      assert.equal(await socket.emitWithAck("greet"), "hello Ann");
    });

    test("a listener for one event hears one, and the others go on", async () => {
      const socket = await open();
      await socket.emitWithAck("only once");
      assert.equal(await socket.emitWithAck("answer"), "once");
      assert.equal(await socket.emitWithAck("answer"), "again");
    });

    test("catch-all listeners see what comes and what is sent, broadcasts and binary included, answers not", async () => {
      const socket = await open();
      await socket.emitWithAck("trace");
      const [seen, sent] = [[], []];
      socket.on("seen", (...args) => seen.push(args));
      socket.on("sent", (...args) => sent.push(args));
      const said = once(socket, "said");
      socket.emit("say", "text", Buffer.from("bytes"));
      const [text, bytes] = await said;
      assert.deepEqual([text, [...bytes]], ["text", [...Buffer.from("bytes")]]);
      assert.equal(await socket.emitWithAck("sum", 1, 2), 3);
      assert.deepEqual(seen, [["say", 2], ["sum", 2]]);
      assert.deepEqual(sent, [["said", 1]]);
    });

    test("several rooms are joined at once, and all are left at once", async () => {
      const socket = await open();
      const answer = await new Promise((resolve) => socket.emit("rooms", (...args) => resolve(args)));
      assert.deepEqual(answer, [true, 3, 0]);
    });

    test("a deadline is warned of, can be moved, and ends the stay with a reason of its own", async () => {
      const [watching, socket] = [await watcher(), await open()];
      const { id } = socket;
      const left = new Promise((resolve) => {
        watching.on("left", (...args) => args[0] === id && resolve(args));
      });
      await socket.emitWithAck("stay", 60_000, 59_900);
      const [remaining] = await once(socket, "expiring");
      assert.ok(remaining > 50_000 && remaining <= 60_000, `${remaining} ms`);
      const disconnected = once(socket, "disconnect");
      await socket.emitWithAck("stay", 300, 0);
      assert.equal((await disconnected)[0], "io server disconnect");
      assert.deepEqual(await left, [id, "expired", null]);
    });

    test("of droppable events as many arrive as may wait, and the connection lives", async () => {
      const socket = await open();
      const numbers = [];
      socket.on("number", (number) => numbers.push(number));
      const dropped = await socket.emitWithAck("flood", 1000);
      assert.equal(numbers.length + dropped, 1000);
      assert.deepEqual([...numbers].sort((a, b) => a - b), numbers, "in order");
      assert.ok(numbers.length >= 5 && socket.connected, `${numbers.length} arrived`);
    });
  });
}

for (const transports of [["polling"], ["websocket"]]) {
  describe(`over ${transports[0]} the server is told why:`, () => {
    async function end(act) {
      const watching = await connect(server.url);
      assert.equal(await watching.emitWithAck("watch"), true);
      const socket = await ready(client(server.url, { transports, reconnection: false }));
      const { id } = socket;
      const left = new Promise((resolve) => {
        watching.on("left", (...args) => args[0] === id && resolve(args.slice(1)));
      });
      const gone = once(socket, "disconnect");
      act(socket);
      await gone;
      return left;
    }

    test("a message was too long", async () => {
      const why = await end((socket) => socket.emit("sum", "x".repeat(20_000)));
      assert.deepEqual(why, ["transport error", "message of more than 10000 bytes"]);
    });

    test("a packet could not be read", async () => {
      const why = await end((socket) => socket.io.engine.write("9nonsense"));
      assert.deepEqual(why, ["forced close", "undecodable packet: unknown packet type '9'"]);
    });

    test("the client left by itself", async () => {
      assert.deepEqual(await end((socket) => socket.disconnect()), ["client namespace disconnect", null]);
      assert.deepEqual((await end((socket) => socket.io.engine.close()))[0], "transport close");
    });
  });
}
