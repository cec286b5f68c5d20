// The server is killed under load, again and again. KILLS says how often (3).

import { describe, test } from "node:test";
import { randomFrom } from "../support/cutting-proxy.mjs";
import { disconnectAll } from "../support/official.mjs";
import { Roomcast } from "../support/roomcast.mjs";
import { pause } from "../support/wait.mjs";
import { Load } from "./load.mjs";

const KILLS = Number(process.env.KILLS ?? 3);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);

export function kills(store) {
  describe("kill -9 of the server under load", () => {
    test("what was acknowledged is stored once and in order", { timeout: 60_000 + KILLS * 10_000 }, async (t) => {
      const random = randomFrom(SEED);
      const roomcast = await Roomcast.start(store, { JWT_EXPIRE_IN: "5h" });
      let load;
      try {
        load = await Load.begin(roomcast);
        const begin = performance.now();
        for (let kill = 0; kill < KILLS; kill++) {
          await load.more(20 + random.below(60));
          // An acknowledgement is what was waited for: without a pause, every kill would meet the same moment.
          await pause(random.below(20));
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
    });
  });
}
