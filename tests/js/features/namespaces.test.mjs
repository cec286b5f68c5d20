// Namespaces that are made when the official client asks for them.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { TRANSPORTS, client, connect, disconnectAll } from "../support/official.mjs";
import { startFeature } from "../support/program.mjs";
import { once, until } from "../support/wait.mjs";

let server;

before(async () => {
  server = await startFeature("namespaces");
});
after(() => server?.kill());
afterEach(async () => {
  disconnectAll();
  const root = await connect(server.url);
  await until("all namespaces are given up", async () => (await root.emitWithAck("namespaces")).length === 1);
  disconnectAll();
});

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  describe(`namespaces that clients ask for, ${name}:`, () => {
    const enter = (namespace, options) => connect(`${server.url}${namespace}`, { transports, ...options });
    const refusal = async (namespace, options) => {
      const socket = client(`${server.url}${namespace}`, { transports, ...options });
      const [error] = await once(socket, "connect_error");
      return error.message;
    };

    test("a name that matches a pattern exists from then on", async () => {
      const socket = client(`${server.url}/room-red`, { transports });
      assert.deepEqual(await once(socket, "welcome"), ["red"]);
      const root = await enter("/");
      assert.deepEqual(await root.emitWithAck("namespaces"), ["/", "/room-red"]);
    });

    test("a name that matches nothing is no namespace", async () => {
      assert.equal(await refusal("/hall-red"), "Invalid namespace");
      assert.equal(await refusal("/room-red/blue"), "Invalid namespace");
    });

    test("a function decides in its own time, by what the client says of itself", async () => {
      assert.equal(await refusal("/secret-1", { auth: { token: "y" } }), "Invalid namespace");
      const sockets = [1, 2].map(() => enter("/secret-1", { auth: { token: "x" } }));
      const ids = (await Promise.all(sockets)).map((socket) => socket.id);
      assert.equal(new Set(ids).size, 2);
    });

    test("the parent sends to all of them, and to rooms in them", async () => {
      const [red, blue] = await Promise.all([enter("/room-red"), enter("/room-blue")]);
      assert.equal(await blue.emitWithAck("join", "corner"), true);
      const heard = [once(red, "heard"), once(blue, "heard")];
      red.emit("shout", [null, "all"]);
      assert.deepEqual(await Promise.all(heard), [["all"], ["all"]]);
      const texts = [];
      red.on("heard", (text) => texts.push(text));
      const only = once(blue, "heard");
      red.emit("shout", ["corner", "those in the corner"]);
      assert.deepEqual(await only, ["those in the corner"]);
      red.emit("shout", [null, "end"]);
      await once(red, "heard");
      assert.deepEqual(texts, ["end"]);
    });

    test("there are no more than the limit, until one is empty", async () => {
      const sockets = await Promise.all(["/room-1", "/room-2", "/room-3"].map((room) => enter(room)));
      assert.equal(await refusal("/room-4"), "too many namespaces");
      await enter("/room-3");
      sockets[0].disconnect();
      const root = await enter("/");
      const rest = ["/", "/room-2", "/room-3"];
      await until("the empty one is given up", async () => {
        return JSON.stringify(await root.emitWithAck("namespaces")) === JSON.stringify(rest);
      });
      await enter("/room-4");
    });

    test("one that is removed says goodbye to its sockets and can be made again", async () => {
      const [root, room] = await Promise.all([enter("/"), enter("/room-red")]);
      const goodbye = once(room, "disconnect");
      assert.equal(await root.emitWithAck("remove", "/room-red"), true);
      assert.equal((await goodbye)[0], "io server disconnect");
      assert.equal(await root.emitWithAck("remove", "/room-red"), false);
      assert.equal(await root.emitWithAck("remove", "/"), false);
      room.connect();
      await once(room, "connect");
    });
  });
}
