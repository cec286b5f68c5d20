// What goes wrong with a database: it is killed, frozen, slow, or refuses. The program and its sockets live through it.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import mongoose from "mongoose";
import { failed } from "../support/expect.mjs";
import { disconnectAll } from "../support/official.mjs";
import { Roomcast, answers } from "../support/roomcast.mjs";
import { until, within } from "../support/wait.mjs";
import { Load } from "./load.mjs";

const UNAVAILABLE = "The database is not available, try again in a moment";

/** The longest time in milliseconds a request may be held: two calls of the store of 5 s, and a busy machine's share. */
const LONGEST = 13_000;

/** The fault's name, what else can be seen of it, how it begins, and how it is mended. */
const FAULTS = [
  ["killed", { away: true }, (store) => store.kill(), (store) => store.running || store.start()],
  ["frozen", { away: true }, (store) => store.freeze(), (store) => store.unfreeze()],
  ["refusing to write", {}, ...failing({ errorCode: 8 })],
  ["cutting connections at writes", {}, ...failing({ closeConnection: true })],
  // What is stored then may still be lost with the one server that has it, so it does not count as stored.
  ["without a majority for what it stores", { stores: true }, ...failing({ writeConcernError: { code: 64, errmsg: "timed out" } })],
  ["so slow that each write takes a minute", {}, ...failing({ blockConnection: true, blockTimeMS: 60_000 })],
];

/** Commands that set and remove a fail point on writing messages. */
function failing(how) {
  const set = (mode) => (store) => failPoint(store, mode, { failCommands: ["insert"], ...how });
  return [set("alwaysOn"), set("off")];
}

async function failPoint(store, mode, data) {
  const client = await mongoose.mongo.MongoClient.connect(store.base.href, { directConnection: true });
  await client.db("admin").command({ configureFailPoint: "failCommand", mode, data });
  await client.close();
}

export function databaseFaults(store) {
  // The database of someone else is not ours to break.
  describe("the database under load is", { skip: process.env.DB_URL !== undefined }, () => {
    afterEach(disconnectAll);

    for (const [name, { away, stores }, strike, mend] of FAULTS) {
      test(name, { timeout: 90_000 }, async (t) => {
        const roomcast = await Roomcast.start(store);
        let load;
        try {
          load = await Load.begin(roomcast);
          const ids = load.sockets.map(({ id }) => id);
          await load.more(20);
          await strike(store);
          await until("the writers are told", () => load.failures.has(UNAVAILABLE), { timeout: LONGEST });
          if (away) await everythingElseIsToldInTime(roomcast, load);
          await mend(store);
          await load.more(50);
          await load.stop();
          const history = await load.verify();
          await until("the listener knows all", () => load.live.length >= history.length);
          await load.verify();
          assert.deepEqual([...load.failures.keys()], [UNAVAILABLE]);
          assert.equal(load.broken, 0, "every request was answered");
          assert.ok(load.longest < LONGEST, load.figures);
          assert.deepEqual(load.sockets.map(({ id }) => id), ids, "the sockets lived through it");
          if (stores) assert.ok(load.repeats > 0, "what was stored is found again");
          await answers(roomcast, "/readyz", 200);
          t.diagnostic(load.figures);
        } finally {
          load?.abandon();
          await mend(store);
          disconnectAll();
          await roomcast.kill();
        }
      });
    }

    test("slow: everything takes longer, and nothing fails", { timeout: 60_000 }, async (t) => {
      const roomcast = await Roomcast.start(store);
      const slow = (mode) => failPoint(store, mode, { failCommands: ["find", "insert"], blockConnection: true, blockTimeMS: 200 });
      let load;
      try {
        load = await Load.begin(roomcast);
        await slow("alwaysOn");
        await load.more(30);
        await slow("off");
        await load.stop();
        await load.verify();
        assert.deepEqual([...load.failures.keys()], []);
        assert.ok(load.longest >= 200 && load.longest < 5_000, load.figures);
        t.diagnostic(load.figures);
      } finally {
        load?.abandon();
        await slow("off");
        disconnectAll();
        await roomcast.kill();
      }
    });
  });
}

async function everythingElseIsToldInTime(roomcast, { host, roomCode }) {
  assert.equal(await within(1_000, "the sign of life", roomcast.status("/healthz")), 200);
  const requests = {
    "who am I": host.get("/auth/me"),
    rooms: host.get("/chat/rooms"),
    history: host.get(`/chat/messages/${roomCode}`),
    join: host.post(`/chat/join-room/${roomCode}`),
    readiness: roomcast.visitor().get("/readyz"),
  };
  for (const [name, answer] of Object.entries(requests)) {
    assert.equal(failed(await within(LONGEST, name, answer), 503), UNAVAILABLE, name);
  }
}
