// The end of a process and the beginning of the next: told in time, nothing lost, nobody refused.

import assert from "node:assert/strict";
import net from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { disconnectAll } from "./support/official.mjs";
import { Program, freePort, programFrom } from "./support/program.mjs";
import { Knocker, ReadinessProxy, Supervisor } from "./support/handover.mjs";
import { Mongo, Roomcast, Sqlite, Visitor, answers, disconnected, freshEmail, request } from "./support/roomcast.mjs";
import { Senders, sendUntilAcknowledged } from "./support/senders.mjs";
import { once, until } from "./support/wait.mjs";

const store = new Sqlite();
const running = [];

async function start(env) {
  const roomcast = await Roomcast.start(store, env);
  running.push(roomcast);
  return roomcast;
}

afterEach(async () => {
  disconnectAll();
  for (const roomcast of running.splice(0)) await roomcast.kill();
});
after(() => store.close());

/** People in one room, each with a socket. */
async function crowd(roomcast, number, options) {
  const people = await Promise.all(Array.from({ length: number }, (_, i) => roomcast.user(`Person ${i}`)));
  const roomCode = await people[0].createRoom();
  for (const person of people) await person.joinRoom(roomCode);
  const sockets = await Promise.all(people.map((person) => person.online(options)));
  return { people, roomCode, sockets };
}

/** Each text is in the history once, under the id it was acknowledged with. */
async function stored(acknowledged, reader, roomCode) {
  const history = await reader.wholeHistory(roomCode);
  const ids = history.map(({ id }) => id);
  assert.deepEqual(ids, [...ids].sort(), "the history is in the order of its ids");
  assert.deepEqual(
    history.map(({ msg, id }) => `${msg}: ${id}`).sort(),
    [...acknowledged].map(([msg, id]) => `${msg}: ${id}`).sort(),
  );
}

describe("a stop", () => {
  test("is told by /readyz before anything else ends", async () => {
    const roomcast = await start({ STOP_NOTICE: "3s" });
    const { people, roomCode, sockets } = await crowd(roomcast, 1);
    const left = disconnected(sockets[0], 20_000);
    const ended = roomcast.kill("SIGTERM");
    await answers(roomcast, "/readyz", 503);
    assert.equal(await roomcast.status("/healthz"), 200);
    // Whoever has not noticed yet is served as before: sockets, requests, and new ones.
    assert.equal((await request(sockets[0], "chat:message", { roomCode, msg: "still here" })).success, true);
    const late = await roomcast.user("Late");
    await late.online();
    assert.equal((await people[0].wholeHistory(roomCode)).length, 1);
    assert.equal(await left, "transport close");
    assert.deepEqual(await ended, { code: 0, signal: null });
  });

  test("closes sockets one after the other over STOP_SPREAD", async () => {
    const roomcast = await start({ STOP_SPREAD: "2s" });
    const { sockets } = await crowd(roomcast, 12, { transports: ["websocket"], reconnection: false });
    const begin = performance.now();
    const ends = sockets.map((socket) => disconnected(socket, 20_000).then(() => performance.now() - begin));
    const ended = roomcast.kill("SIGTERM");
    const times = (await Promise.all(ends)).sort((a, b) => a - b);
    assert.ok(times.at(-1) >= 1700, `the last one left after ${times.at(-1)} ms`);
    assert.ok(times[6] >= 800, `half of them had left after ${times[6]} ms`);
    assert.equal((await ended).code, 0);
  });

  test("lets clients over polling fetch what was sent, and tells them at once", async () => {
    const roomcast = await start({ STOP_SPREAD: "4s" });
    const { sockets } = await crowd(roomcast, 3, { transports: ["polling"], reconnection: false });
    const reasons = Promise.all(sockets.map((socket) => disconnected(socket, 20_000)));
    const begin = performance.now();
    const ended = roomcast.kill("SIGTERM");
    assert.deepEqual(await reasons, ["transport close", "transport close", "transport close"]);
    assert.ok(performance.now() - begin < 3500, "those over WebSockets have the time to be spread");
    assert.equal((await ended).code, 0);
  });

  test("loses no message that was acknowledged, and doubles none", { timeout: 60_000 }, async () => {
    const roomcast = await start({ STOP_SPREAD: "1s" });
    const { people, roomCode, sockets } = await crowd(roomcast, 6);
    const senders = new Senders(sockets, roomCode);
    for (let round = 0; round < 3; round++) {
      const mark = senders.acknowledged.size + 60;
      await until(`${mark} messages`, () => senders.acknowledged.size >= mark, { timeout: 20_000 });
      assert.equal((await roomcast.kill("SIGTERM")).code, 0);
      await roomcast.resume();
    }
    await stored(await senders.stop(), people[0], roomCode);
  });

  test("ends at STOP_TIMEOUT whatever is in progress", async () => {
    const roomcast = await start({ STOP_TIMEOUT: "2s" });
    const half = net.connect(roomcast.port, "127.0.0.1");
    half.on("error", () => {});
    await once(half, "connect");
    half.write("POST /user/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
    const silent = await webSocketThatNeverCloses(roomcast.port);
    const begin = performance.now();
    assert.equal((await roomcast.kill("SIGTERM")).code, 0);
    const took = performance.now() - begin;
    assert.ok(took >= 1500 && took < 6000, `it took ${took} ms`);
    half.destroy();
    silent.destroy();
  });

  test("ends at once at the second signal", async () => {
    const roomcast = await start({ STOP_NOTICE: "60s", STOP_TIMEOUT: "90s" });
    const ended = roomcast.kill("SIGTERM");
    await answers(roomcast, "/readyz", 503);
    assert.deepEqual(await roomcast.kill("SIGINT"), { code: 130, signal: null });
    await ended;
  });

  test("of a process that still waits for the data directory is no failure", async () => {
    const first = await start();
    const port = await freePort();
    const env = { ...first.env, PORT: String(port) };
    const second = Program.start(programFrom("ROOMCAST_BIN"), [], { cwd: first.place.cwd, env });
    await until("a word about the other process", () => second.output.includes("waiting until it has ended"));
    assert.deepEqual(await second.kill("SIGTERM"), { code: 0, signal: null });
  });
});

/** A client that opens a session and then neither reads nor closes. */
async function webSocketThatNeverCloses(port) {
  const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await once(socket, "data");
  return socket;
}

describe("a handover to a process that waits already", () => {
  for (const [name, begin] of [
    ["of an inherited socket", inherited],
    ["with REUSE_PORT", sharedPort],
  ]) {
    test(`${name} refuses no connection and loses no message`, { timeout: 60_000 }, async () => {
      const place = await store.place();
      const service = await begin(place.cwd);
      let knocker;
      try {
        const url = `http://127.0.0.1:${service.port}`;
        const answer = { url, port: service.port, status: Roomcast.prototype.status };
        const first = await service.run();
        await answers(answer, "/readyz", 200);
        const visitors = Array.from({ length: 4 }, () => new Visitor(url));
        for (const [i, visitor] of visitors.entries()) {
          await visitor.register({ name: `Person ${i}`, email: freshEmail(), password: "correct horse" });
        }
        const roomCode = await visitors[0].createRoom();
        for (const visitor of visitors) await visitor.joinRoom(roomCode);
        const sockets = await Promise.all(visitors.map((visitor) => visitor.online()));
        const senders = new Senders(sockets, roomCode);
        knocker = new Knocker(service.port);
        let current = first;
        for (let round = 0; round < 3; round++) {
          const mark = senders.acknowledged.size + 40;
          await until(`${mark} messages`, () => senders.acknowledged.size >= mark, { timeout: 20_000 });
          const next = await service.run();
          await service.listens(next);
          process.kill(current, "SIGTERM");
          await until("the end of the process before", () => !service.isRunning(current), { timeout: 15_000 });
          current = next;
        }
        const mark = senders.acknowledged.size + 40;
        await until("messages by the last process", () => senders.acknowledged.size >= mark, { timeout: 20_000 });
        const acknowledged = await senders.stop();
        await knocker.stop();
        assert.deepEqual(knocker.failures, []);
        assert.ok(knocker.answered > 50, `only ${knocker.answered} requests were answered`);
        await stored(acknowledged, visitors[0], roomCode);
      } finally {
        await knocker?.stop();
        disconnectAll();
        await service.close();
      }
    });
  }

  const settings = (cwd) => ({ JWT_SECRET: "a secret of the handover, long enough to sign with", BCRYPT_COST: "4", LIMITS: "off", DATA_DIR: cwd });

  async function inherited(cwd) {
    const supervisor = await Supervisor.start(programFrom("ROOMCAST_BIN"), { cwd, env: settings(cwd) });
    return {
      port: supervisor.port,
      run: () => supervisor.run(),
      isRunning: (pid) => supervisor.isRunning(pid),
      // The socket listens whoever has it.
      listens: async () => {},
      close: () => supervisor.close(),
    };
  }

  async function sharedPort(cwd) {
    const port = await freePort();
    const programs = new Map();
    return {
      port,
      run: async () => {
        const env = { ...settings(cwd), PORT: String(port), REUSE_PORT: "true" };
        const program = Program.start(programFrom("ROOMCAST_BIN"), [], { cwd, env });
        programs.set(program.pid, program);
        return program.pid;
      },
      isRunning: (pid) => programs.get(pid).alive,
      listens: (pid) => until("the next process to listen", () => programs.get(pid).output.includes("waiting until")),
      close: async () => {
        for (const program of programs.values()) await program.kill("SIGKILL");
      },
    };
  }
});

for (const Store of [Sqlite, Mongo]) {
  if (!(process.env.STORES ?? "sqlite,mongodb").includes(new Store().name.toLowerCase())) continue;
  describe(`a rolling restart behind a proxy, with ${new Store().name}`, () => {
    const data = new Store();
    let proxy;
    const programs = [];
    before(() => data.start?.());
    after(async () => {
      await proxy?.close();
      for (const program of programs) await program.kill("SIGKILL");
      await data.close();
    });

    test("loses no message that was acknowledged, and doubles none", { timeout: 90_000 }, async () => {
      const place = await data.place();
      const ports = [await freePort(), await freePort()];
      const run = (port) => {
        const settings = { JWT_SECRET: "a secret of the restart, long enough to sign with", BCRYPT_COST: "4", LIMITS: "off" };
        const env = { ...settings, ...place.env, PORT: String(port), STOP_NOTICE: "1s", STOP_SPREAD: "1s" };
        const program = Program.start(programFrom("ROOMCAST_BIN"), [], { cwd: place.cwd, env });
        programs.push(program);
        return program;
      };
      let current = run(ports[0]);
      proxy = await ReadinessProxy.start(ports);
      await until("the first server to be ready", () => proxy.ready.length === 1, { timeout: 20_000 });
      const { people, roomCode, sockets } = await crowd(new Behind(proxy.url), 4);
      const senders = new Senders(sockets, roomCode);
      for (let round = 1; round < 4; round++) {
        const mark = senders.acknowledged.size + 40;
        await until(`${mark} messages`, () => senders.acknowledged.size >= mark, { timeout: 20_000 });
        const next = run(ports[round % 2]);
        await until("the next server to be there", () => /listening|waiting until/.test(next.output), { timeout: 20_000 });
        assert.equal((await current.kill("SIGTERM")).code, 0);
        await until("the next server to be ready", () => proxy.ready.includes(ports[round % 2]), { timeout: 20_000 });
        current = next;
      }
      const fence = await sendUntilAcknowledged(sockets[0], roomCode, "fence");
      const acknowledged = await senders.stop();
      await stored(new Map([...acknowledged, ["fence", fence]]), people[0], roomCode);
      disconnectAll();
    });
  });
}

/** People who come to a server by another address than its own. */
class Behind {
  constructor(url) {
    this.url = url;
  }

  async user(name) {
    const visitor = new Visitor(this.url);
    await visitor.register({ name, email: freshEmail(), password: "correct horse" });
    return visitor;
  }
}
