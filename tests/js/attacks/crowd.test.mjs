// One address that connects as fast as it can, against the chat service with its limits on. The bystander has another
// address, and would be refused if the attacker used up what all may have together.

import assert from "node:assert/strict";
import net from "node:net";
import { after, describe } from "node:test";
import { chat } from "../support/attacked.mjs";
import { metrics } from "../support/metrics.mjs";
import { disconnectAll } from "../support/official.mjs";
import { freePort } from "../support/program.mjs";
import { Sqlite } from "../support/roomcast.mjs";
import { besiege } from "../support/siege.mjs";

/** New connections in a second of all and of one address: the bystander's fit into what one address leaves. */
const OF_ALL = 900;
const OF_ADDRESS = 500;
/** The attacker comes at least as often as all may in a second, and until it was refused. */
const ATTEMPTS = 1500;
const PATIENCE = 20_000;
const ATTACKER = "127.0.0.2";

/** The status line of an answer on a fresh connection of the attacker; empty if there is none. */
function knock(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1", localAddress: ATTACKER });
    let text = "";
    socket.on("data", (data) => (text += data));
    socket.on("error", () => {});
    socket.on("close", () => resolve(text.split("\r\n")[0]));
    socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  });
}

describe("an attacker of one address", () => {
  const store = new Sqlite();
  let operators;
  after(() => store.close());
  after(disconnectAll);
  const siege = besiege(async () => {
    operators = await freePort();
    return chat(store, {
      LIMITS: "on",
      EVENTS_PER_SECOND: "1000",
      CONNECTIONS_PER_SECOND: String(OF_ALL),
      CONNECTIONS_PER_SECOND_PER_ADDRESS: String(OF_ADDRESS),
      METRICS: `127.0.0.1:${operators}`,
    });
  });
  const refused = async (limit) => (await metrics(operators))[`roomcast_refused_total{layer="socket",limit="${limit}"}`];

  siege.attack("an address that connects without pause is refused, and the others are let in", async () => {
    const seen = new Map();
    const end = performance.now() + PATIENCE;
    let attempts = 0;
    const attack = async () => {
      while (performance.now() < end && (attempts < ATTEMPTS || !seen.has("HTTP/1.1 503 Service Unavailable"))) {
        attempts += 1;
        const answer = await knock(siege.port);
        seen.set(answer, (seen.get(answer) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: 64 }, attack));
    console.log(`  ${attempts} connections: ${JSON.stringify(Object.fromEntries(seen))}`);
    assert.ok(seen.get("HTTP/1.1 200 OK") >= OF_ADDRESS, "the attacker has its own share");
    assert.ok((await refused("connection_rate_of_address")) > 0);
    assert.equal(await refused("connection_rate"), 0, "others have theirs");
  });

  siege.leavesNothing();
});
