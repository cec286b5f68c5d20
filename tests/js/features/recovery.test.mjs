// Connection state recovery with the official client: what it finds when it comes back, and what it misses, which is
// nothing.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { CUTS, CuttingProxy, randomFrom } from "../support/cutting-proxy.mjs";
import { TRANSPORTS, client, connect, disconnectAll } from "../support/official.mjs";
import { startFeature } from "../support/program.mjs";
import { once, pause, until, within } from "../support/wait.mjs";

afterEach(disconnectAll);

// Enough to meet the rare cases, and in a time that one waits for.
const CUTS_WANTED = Number(process.env.RECOVERY_CUTS ?? 1000);
const SEED = Number(process.env.RECOVERY_SEED ?? Date.now() % 2 ** 31);

describe("a client that comes back", () => {
  let server;

  before(async () => {
    server = await startFeature("recovery");
  });
  after(() => server?.kill());

  /** Loses the connection, without a word to the server. */
  async function lose(socket) {
    socket.io.engine.close();
    if (socket.connected) await once(socket, "disconnect");
  }

  for (const [name, transports] of Object.entries(TRANSPORTS)) {
    describe(`over ${name}`, () => {
      test("has the same id, and its rooms and data on the server", async () => {
        const socket = await connect(server.url, { transports });
        const { id } = socket;
        assert.equal(socket.recovered, false);
        await socket.emitWithAck("join", "room");
        await socket.emitWithAck("set", "kept");
        const connected = once(socket, "connect");
        await lose(socket);
        await connected;
        assert.equal(socket.recovered, true);
        assert.equal(socket.id, id);
        const found = await socket.emitWithAck("get");
        assert.deepEqual(found, { recovered: true, data: { value: "kept" }, rooms: [id, "room"].sort() });
      });

      test("gets what it missed, in order, though it had never got an event before", async () => {
        const room = `later ${name}`;
        const said = [];
        const [socket, other] = await Promise.all([
          connect(server.url, { transports, reconnectionDelay: 200 }),
          connect(server.url, { transports }),
        ]);
        socket.on("said", (text) => said.push(text));
        await socket.emitWithAck("join", room);
        const connected = once(socket, "connect");
        await lose(socket);
        for (const text of ["one", "two", "three"]) await other.emitWithAck("say", room, text);
        await connected;
        assert.equal(socket.recovered, true);
        await until("the missed events", () => said.length >= 3);
        await other.emitWithAck("say", room, "four");
        await until("an event after them", () => said.length >= 4);
        assert.deepEqual(said, ["one", "two", "three", "four"]);
      });

      test("is not confused by a volatile event that ends in a string", async () => {
        const room = `volatile ${name}`;
        const said = [];
        const [socket, other] = await Promise.all([
          connect(server.url, { transports, reconnectionDelay: 200 }),
          connect(server.url, { transports }),
        ]);
        socket.on("said", (text) => said.push(text));
        await socket.emitWithAck("join", room);
        await other.emitWithAck("say", room, "one");
        const whispered = once(socket, "whispered");
        await until("a volatile event", async () => {
          await socket.emitWithAck("whisper", "psst");
          return Promise.race([whispered, pause(20)]);
        });
        const connected = once(socket, "connect");
        await lose(socket);
        await other.emitWithAck("say", room, "two");
        await connected;
        assert.equal(socket.recovered, true);
        await until("the missed event", () => said.length >= 2);
        assert.deepEqual(said, ["one", "two"]);
      });
    });
  }

  test("over polling has the missed events before it is told of the connection", async () => {
    const said = [];
    const [socket, other] = await Promise.all([
      connect(server.url, { transports: ["polling"], reconnectionDelay: 200 }),
      connect(server.url),
    ]);
    socket.on("said", (text) => said.push(text));
    await socket.emitWithAck("join", "before");
    const seen = new Promise((resolve) => socket.once("connect", () => resolve([...said])));
    await lose(socket);
    for (const text of ["one", "two"]) await other.emitWithAck("say", "before", text);
    assert.deepEqual(await within(5000, "the connection", seen), ["one", "two"]);
  });

  test("begins anew after it has left by itself", async () => {
    const socket = await connect(server.url);
    const { id } = socket;
    socket.disconnect();
    socket.connect();
    await once(socket, "connect");
    assert.equal(socket.recovered, false);
    assert.notEqual(socket.id, id);
  });

  test("begins anew once the time is over, and can come back to the new session", async () => {
    const brief = await startFeature("recovery", { env: { AWAY_MS: "50" } });
    try {
      const socket = await connect(brief.url, { reconnection: false });
      await socket.emitWithAck("join", "room");
      await socket.emitWithAck("say", "room", "an event with an offset");
      await lose(socket);
      await pause(200);
      socket.connect();
      await once(socket, "connect");
      assert.equal(socket.recovered, false);
      await lose(socket);
      socket.connect();
      await once(socket, "connect");
      assert.equal(socket.recovered, true);
    } finally {
      await brief.kill();
    }
  });
});

describe(`over a network that cuts connections (RECOVERY_SEED=${SEED})`, () => {
  const CLIENTS = 48;
  let server;
  const proxies = [];

  before(async () => {
    server = await startFeature("recovery", { env: { PING_MS: "500" } });
  });
  after(async () => {
    for (const proxy of proxies) proxy.close();
    await server?.kill();
  });

  /** The numbers that are for this client, as the server chooses them, from `number` on. */
  function nextFor(index, number) {
    for (; ; number += 1) {
      const who = Math.floor(number / 3);
      if (number % 3 === 0) return number;
      if (number % 3 === 1 && who % 3 === index % 3) return number;
      if (number % 3 === 2 && who % CLIENTS === index) return number;
    }
  }

  class Numbered {
    expected = 0;
    counted = 0;
    connections = 0;
    stopping = false;

    static async start(index, faults) {
      const numbered = new Numbered();
      numbered.index = index;
      numbered.proxy = await CuttingProxy.start(server.port);
      proxies.push(numbered.proxy);
      const names = Object.keys(TRANSPORTS);
      numbered.transport = names[index % names.length];
      numbered.socket = client(`${numbered.proxy.url}/numbered`, {
        transports: TRANSPORTS[numbered.transport],
        auth: { client: index },
        reconnectionDelay: 5,
        reconnectionDelayMax: 50,
        timeout: 2000,
        retries: 1_000_000,
        ackTimeout: 1000,
      });
      numbered.#watch(faults);
      await until("the first connection", () => numbered.connections > 0, { timeout: 30_000 });
      return numbered;
    }

    #watch(faults) {
      const fault = (text) => faults.push(`client ${this.index} (${this.transport}): ${text}`);
      this.expected = nextFor(this.index, 0);
      this.socket.on("connect", () => {
        if (this.connections > 0 && !this.socket.recovered) fault("began anew");
        this.connections += 1;
      });
      this.socket.on("number", (number) => {
        if (number !== this.expected) fault(`got ${number} in place of ${this.expected}`);
        this.expected = nextFor(this.index, number + 1);
      });
    }

    /** Sends number after number, each until it is acknowledged. */
    async count() {
      while (!this.stopping) {
        const number = this.counted;
        await new Promise((resolve) => this.socket.emit("count", number, resolve));
        this.counted += 1;
        await pause(20);
      }
    }

    /** Cuts the client's connections at random points. */
    async lose(times, random) {
      for (let cuts = 0; cuts < times; ) {
        const { connections } = this;
        const cut = await this.proxy.cut({
          how: random.of(CUTS),
          direction: random.of(["up", "down"]),
          // Few bytes hit a client that is about to connect, many one that is connected.
          bytes: random.below(random.of([200, 2000, 10_000])),
          patience: 300,
        });
        cuts += Math.min(cut, 1);
        // Now and then the next cut comes before the client is back. One that nobody notices, as it concerned a
        // connection that was not needed any more, is not waited for.
        if (random.below(3) > 0) {
          const isBack = () => this.connections > connections;
          await until("the next connection", isBack, { timeout: 2000 }).catch(() => {});
        }
      }
    }
  }

  test("any number of cuts loses no event, doubles none and keeps their order, both ways", async (t) => {
    const faults = [];
    const random = randomFrom(SEED);
    const control = await connect(`${server.url}/numbered`);
    const clients = await Promise.all(Array.from({ length: CLIENTS }, (_, index) => Numbered.start(index, faults)));
    await control.emitWithAck("start", CLIENTS, 10);
    const counting = clients.map((numbered) => numbered.count());
    const times = Math.ceil(CUTS_WANTED / CLIENTS);
    const begun = performance.now();
    await Promise.all(clients.map((numbered) => numbered.lose(times, randomFrom(random.below(2 ** 31)))));
    const sent = await control.timeout(10_000).emitWithAck("stop");
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    const connections = clients.reduce((sum, numbered) => sum + numbered.connections, 0);
    t.diagnostic(`${times * CLIENTS} cuts, ${connections} connections and ${sent} numbers in ${seconds} s`);
    for (const numbered of clients) numbered.stopping = true;
    await within(30_000, `the last answers (RECOVERY_SEED=${SEED})`, Promise.all(counting));
    const all = () => faults.length > 0 || clients.every((numbered) => numbered.expected >= sent);
    await until(`the last events (RECOVERY_SEED=${SEED})`, all, { timeout: 30_000 });
    for (const { index, counted, transport } of clients) {
      const answer = await new Promise((resolve) => control.emit("counted", index, (...args) => resolve(args)));
      assert.deepEqual(answer, [counted, 0], `client ${index} (${transport}), RECOVERY_SEED=${SEED}`);
    }
    assert.deepEqual(faults.slice(0, 20), [], `RECOVERY_SEED=${SEED}`);
  });
});
