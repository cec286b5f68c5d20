// The official client, with what every test wants: no shared connection, quick reconnection, cleaned up at the end.

import { io as newest } from "socket.io-client";
import { once } from "./wait.mjs";

const opened = new Set();

/** The three ways a client may connect. */
export const TRANSPORTS = {
  "polling only": ["polling"],
  "WebSocket only": ["websocket"],
  upgrade: ["polling", "websocket"],
};

/** Creates a socket that is not shared with other tests; `io` is that of another version of the client. */
export function client(url, { io = newest, ...options } = {}) {
  const socket = io(url, {
    forceNew: true,
    reconnectionDelay: 20,
    reconnectionDelayMax: 100,
    ...options,
  });
  opened.add(socket);
  return socket;
}

/** Resolves when the socket is connected and, if it is to upgrade, has done so. */
export async function ready(socket, timeout = 5000) {
  if (!socket.connected) await once(socket, "connect", timeout);
  const { engine, opts } = socket.io;
  const upgrades = opts.transports?.length === 2 && opts.transports[0] === "polling";
  if (upgrades && engine.transport.name !== "websocket") await once(engine, "upgrade", timeout);
  return socket;
}

/** Connects and waits until the socket is ready. */
export function connect(url, options) {
  return ready(client(url, options));
}

/** Ends all sockets of the tests so far. */
export function disconnectAll() {
  for (const socket of opened) {
    socket.disconnect();
    // A socket whose connection attempt is still under way keeps its manager trying.
    socket.io[socket.io._close ? "_close" : "close"]();
  }
  opened.clear();
}

/** Sends an event and resolves with the arguments of the next answer event. */
export async function ask(socket, event, answer, args, timeout = 5000) {
  const reply = once(socket, answer, timeout);
  socket.emit(event, ...args);
  return reply;
}
