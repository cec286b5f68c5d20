// The server is killed under load, again and again. KILLS says how often (3).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { randomFrom } from "../support/cutting-proxy.mjs";
import { disconnectAll } from "../support/official.mjs";
import { Roomcast } from "../support/roomcast.mjs";
import { pause } from "../support/wait.mjs";
import { Load } from "./load.mjs";

const KILLS = Number(process.env.KILLS ?? 3);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const timeout = { timeout: 60_000 + KILLS * 10_000 };

/** The server killed under load. */
export function kills(store) {
  describe("kill -9 of the server under load", () => {
    test("what was acknowledged is stored once and in order", timeout, async (t) => {
      await survives(store, t, {}, async (load, random) => {
        await load.more(20 + random.below(60));
        // An acknowledgement is what was waited for: without a pause, every kill would meet the same moment.
        await pause(random.below(20));
      });
    });
  });
}

/** The same while clients are between polling and WebSocket. */
export function killsInUpgrades(store) {
  describe("kill -9 of the server in the midst of upgrades", () => {
    test("what was acknowledged is stored once and in order, by clients that upgrade too", timeout, async (t) => {
      let [exact, hits] = [0, 0];
      await survives(store, t, { sockets: 2, posters: 1, upgraders: 6 }, async (load, random, kill) => {
        await load.more(10 + random.below(20));
        // In turn: when a client has the answer to its probe, a moment later, and somewhere on the way to the probe.
        await load.upgrades.reach(kill % 3 === 2 ? "open" : "upgrading");
        if (kill % 3 === 0) exact++;
        else await pause(random.below(8));
        if (load.upgrades.underway > 0) hits++;
      });
      t.diagnostic(`${hits} of ${KILLS} kills met a client between the answer to its probe and its upgrade`);
      assert.ok(hits >= exact, `${hits} of ${exact}`);
    });
  });
}


/** Kills the server whenever `moment` has come, and shows that the load lost nothing. */
async function survives(store, t, writers, moment) {
  const random = randomFrom(SEED);
  const roomcast = await Roomcast.start(store, { JWT_EXPIRE_IN: "5h" });
  let load;
  try {
    load = await Load.begin(roomcast, writers);
    const begin = performance.now();
    for (let kill = 0; kill < KILLS; kill++) {
      await moment(load, random, kill);
      await roomcast.kill("SIGKILL");
      await roomcast.resume();
    }
    await load.more(20);
    await load.stop();
    const seconds = Math.round((performance.now() - begin) / 1000);
    // What the files hold is read by a process that knows nothing else.
    await roomcast.kill("SIGKILL");
    await roomcast.resume();
    await load.verify();
    t.diagnostic(`${store.name}: ${KILLS} kills in ${seconds} s (SEED=${SEED}): ${load.figures}`);
  } finally {
    load?.abandon();
    disconnectAll();
    await roomcast.kill();
  }
}
