// The frame of all attacks: a real server, a bystander in another process whose answers must not be late, and a look at
// what the server holds before and after.

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import path from "node:path";
import { after, before, test } from "node:test";
import { processState, processorTime } from "./process-state.mjs";
import { pause, until, within } from "./wait.mjs";

/** The bystander waits at most so many milliseconds for an answer, and as much longer as the machine made it wait. */
const PATIENCE = 100;
/** What the allocator may keep, in MiB. */
const MEMORY_MARGIN = 32;
/** How long a server may take to forget the attackers, in milliseconds. */
const FORGET_WITHIN = 20_000;

/** A well-behaved client in another process. */
class Bystander {
  static async start(options) {
    const bystander = new Bystander();
    bystander.child = fork(path.join(import.meta.dirname, "bystander-program.mjs"), [JSON.stringify(options)]);
    await bystander.#answer();
    return bystander;
  }

  #answer() {
    return within(20_000, "the bystander", new Promise((resolve) => this.child.once("message", resolve)));
  }

  /** Watches how late answers are while `work` goes on. */
  async watch(work) {
    const begun = this.#answer();
    this.child.send("begin");
    await begun;
    try {
      await work();
    } finally {
      const seen = this.#answer();
      this.child.send("end");
      this.seen = await seen;
    }
    return this.seen;
  }

  stop() {
    this.child.kill("SIGKILL");
  }
}

/**
 * Besieges a server within a `describe`.
 *
 * `start` answers `{ port, pid, kill, bystander, registries }`: `bystander` has the route it gets, the event it sends
 * with its argument, and its headers; `registries` answers how many sessions and sockets the server knows, where it tells.
 */
export function besiege(start) {
  let server;
  let bystander;
  let quiet;

  const state = async () => ({ ...(await processState(server.pid)), ...(await server.registries?.()) });

  before(async () => {
    server = await start();
    bystander = await Bystander.start({ url: `http://127.0.0.1:${server.port}`, ...server.bystander });
    report("quiet", await bystander.watch(() => pause(500)));
    quiet = await state();
  });
  after(async () => {
    bystander?.stop();
    await server?.kill();
  });

  return {
    get port() {
      return server.port;
    },

    get server() {
      return server;
    },

    /** A test that attacks while the bystander goes on. Noise happens once, so a late answer is looked for twice. */
    attack(name, work, options = {}) {
      test(name, options, async () => {
        const attempt = async () => {
          const used = await processorTime(server.pid);
          const seen = await bystander.watch(work);
          return { ...seen, used: (await processorTime(server.pid)) - used };
        };
        let seen = await attempt();
        report(name, seen);
        if (complaint(seen)) {
          const first = complaint(seen);
          seen = await attempt();
          report(`${name}, again`, seen);
          assert.equal(complaint(seen), null, `the first time: ${first}`);
        }
      });
    },

    /** The last test: the server holds nothing any more that the attackers made it hold. */
    leavesNothing() {
      test("afterwards memory, threads, files and sessions are what they were", async () => {
        let now;
        const isBack = async () => {
          now = await state();
          return Object.entries(quiet).every(([name, value]) =>
            name === "memory" ? now.memory <= value + MEMORY_MARGIN : now[name] <= value,
          );
        };
        await until("forgetting", isBack, { timeout: FORGET_WITHIN, every: 100 }).catch(() => {});
        console.log(`  before ${JSON.stringify(quiet)}, after ${JSON.stringify(now)}`);
        assert.ok(await isBack(), `before ${JSON.stringify(quiet)}, after ${JSON.stringify(now)}`);
      });
    },
  };
}

/** What the bystander has to complain of, or `null`. */
function complaint({ slowest, failures }) {
  if (failures.length > 0) return failures.slice(0, 5).join("; ");
  const late = Math.max(slowest.http, slowest.event);
  if (late <= PATIENCE + slowest.control) return null;
  return `an answer came after ${Math.round(late)} ms; a server not attacked took ${Math.round(slowest.control)} ms`;
}

function report(name, { slowest, answered, used }) {
  const figures = Object.keys(slowest).map((kind) => `${kind} ${slowest[kind].toFixed(0)} ms of ${answered[kind]}`);
  const time = used === undefined ? "" : `; the server used ${used.toFixed(2)} s of processor`;
  console.log(`  ${name}: slowest ${figures.join(", ")}${time}`);
}
