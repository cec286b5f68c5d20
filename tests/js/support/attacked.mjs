// The servers that are attacked, as `besiege` wants them.

import { startConformance } from "./program.mjs";
import { processState } from "./process-state.mjs";
import { Roomcast } from "./roomcast.mjs";
import { until } from "./wait.mjs";

/** The `conformance` example, which tells how many sessions and sockets it knows. */
export async function conformance() {
  const { port, url, program, kill } = await startConformance();
  return {
    port,
    pid: program.pid,
    kill,
    bystander: { route: "/counts", event: "message-with-ack", argument: "still there?" },
    registries: async () => (await fetch(`${url}/counts`, { headers: { connection: "close" } })).json(),
  };
}

/** The chat service on a store, with someone who reads a room again and again. */
export async function chat(store, env) {
  const roomcast = await Roomcast.start(store, env);
  const reader = await roomcast.user("Bystander");
  const roomCode = await reader.createRoom();
  await reader.joinRoom(roomCode);
  const alone = { connection: "close" };
  // The threads that hash passwords stay for a while, as many as there are processors.
  const attempt = () => roomcast.visitor().post("/auth/login", { email: reader.email, password: "wrong" }, alone);
  await Promise.all(Array.from({ length: 8 }, attempt));
  // A database's driver opens connections as it needs them, ten at most, and keeps them: now, and not under attack.
  await until("all connections to the database", async () => {
    const before = (await processState(roomcast.pid)).files;
    for (let round = 0; round < 3; round += 1) await Promise.all(Array.from({ length: 50 }, () => reader.get("/chat/rooms", alone)));
    return (await processState(roomcast.pid)).files <= before;
  });
  return {
    port: roomcast.port,
    pid: roomcast.pid,
    kill: () => roomcast.kill(),
    roomcast,
    bystander: {
      route: "/healthz",
      event: "chat:history",
      argument: { roomCode },
      headers: { cookie: `token=${reader.cookie}` },
    },
  };
}
