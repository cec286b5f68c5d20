// A well-behaved client in a process of its own: every 20 ms an event that is to be acknowledged, by the official client,
// and an HTTP request on a fresh connection. The same request to a server that is not attacked tells what the machine
// itself is to blame for. The parent says "begin", "end" and "pause".

import { fork } from "node:child_process";
import http from "node:http";
import path from "node:path";
import { io } from "socket.io-client";
import { until } from "./wait.mjs";

const EVERY = 20;
const { url, route, event, argument, headers } = JSON.parse(process.argv[2]);

/** A period, and the slowest answer to what was asked in it. */
class Phase {
  slowest = { http: 0, event: 0, control: 0 };
  answered = { http: 0, event: 0, control: 0 };
  waiting = 0;
  failures = [];
}
let phase = null;

/** Asks again and again, one question at a time, while a phase is on. */
function keepAsking(kind, ask) {
  let busy = false;
  setInterval(async () => {
    const current = phase;
    if (busy || !current) return;
    busy = true;
    current.waiting += 1;
    const begin = performance.now();
    await ask().catch((error) => current.failures.push(`${kind}: ${error.message}`));
    current.slowest[kind] = Math.max(current.slowest[kind], performance.now() - begin);
    current.answered[kind] += 1;
    current.waiting -= 1;
    busy = false;
  }, EVERY);
}

function get(address) {
  return new Promise((resolve, reject) => {
    const request = http.get(address, { agent: false, timeout: 5000 }, (response) => {
      response.resume();
      response.on("end", () => (response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`))));
    });
    request.on("error", reject);
  });
}

const control = fork(path.join(import.meta.dirname, "control-server.mjs"));
const port = await new Promise((resolve) => control.once("message", resolve));
const socket = io(url, { transports: ["websocket"], extraHeaders: headers });
await new Promise((resolve) => socket.once("connect", resolve));
socket.on("disconnect", (reason) => phase?.failures.push(`disconnected: ${reason}`));

keepAsking("http", () => get(url + route));
keepAsking("control", () => get(`http://127.0.0.1:${port}/`));
keepAsking("event", () => socket.timeout(5000).emitWithAck(event, argument));

process.on("message", async (message) => {
  if (message === "begin") {
    phase = new Phase();
    process.send("begun");
    return;
  }
  const ended = phase;
  // However short the attack was, an answer of each kind is from within or right after it.
  await until("answers", () => Object.values(ended.answered).every((count) => count > 0), { timeout: 10_000 });
  phase = null;
  await until("last answers", () => ended.waiting === 0, { timeout: 10_000 });
  process.send({ slowest: ended.slowest, answered: ended.answered, failures: ended.failures });
});
process.on("disconnect", () => process.exit());
process.send("connected");
