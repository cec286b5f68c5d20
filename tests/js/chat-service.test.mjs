// The chat service as its clients see it: the HTTP contract, realtime, other sites, and what survives a kill.
//
// Every store must pass all of it. STORES chooses some of them: `sqlite`, `mongodb` or both (the default). MongoDB is
// played by a server that the tests start themselves (SECANTUSD_BIN), or is the one at DB_URL.

import { after, before, describe } from "node:test";
import { accounts } from "./chat/accounts.mjs";
import { origins } from "./chat/origins.mjs";
import { realtime } from "./chat/realtime.mjs";
import { resilience } from "./chat/resilience.mjs";
import { rooms } from "./chat/rooms.mjs";
import { disconnectAll } from "./support/official.mjs";
import { Mongo, Roomcast, Sqlite } from "./support/roomcast.mjs";

const STORES = { sqlite: Sqlite, mongodb: Mongo };

for (const name of (process.env.STORES ?? "sqlite,mongodb").split(",")) {
  const Store = STORES[name.trim()];
  if (!Store) throw new Error(`STORES names "${name}"; it may name ${Object.keys(STORES).join(" and ")}`);
  const store = new Store();
  let shortLived;
  const context = {
    store,
    roomcast: null,
    /** A server whose tokens live for four seconds; one for all tests that need it. */
    shortLived: () => (shortLived ??= Roomcast.start(store, { JWT_EXPIRE_IN: "4" })),
  };
  describe(`with ${store.name}:`, () => {
    before(async () => {
      await store.start?.();
      context.roomcast = await Roomcast.start(store);
    });
    after(async () => {
      disconnectAll();
      await context.roomcast?.kill();
      await (await shortLived)?.kill();
      await store.close();
    });
    accounts(context);
    rooms(context);
    realtime(context);
    origins(context);
    resilience(context);
  });
}
