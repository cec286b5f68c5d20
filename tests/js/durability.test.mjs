// Nothing acknowledged is lost: the server killed, the database at fault, the disk full.

import { after, before, describe } from "node:test";
import { databaseFaults } from "./durability/database-faults.mjs";
import { fullDisk } from "./durability/full-disk.mjs";
import { kills, killsInUpgrades } from "./durability/kills.mjs";
import { Mongo, Sqlite } from "./support/roomcast.mjs";

for (const store of [new Sqlite(), new Mongo()]) {
  describe(`with ${store.name}:`, () => {
    before(() => store.start?.());
    after(() => store.close());
    kills(store);
    if (store instanceof Mongo) databaseFaults(store);
    if (store instanceof Sqlite) killsInUpgrades(store);
    if (store instanceof Sqlite) fullDisk(store);
  });
}
