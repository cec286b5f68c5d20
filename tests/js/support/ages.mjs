// The official client in the versions that are in use, oldest first.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/**
 * The clients by version: `io` makes a socket, `eio` is the Engine.IO protocol it speaks. Version 2 speaks 3: its clients
 * are in `/` without asking, take their session's id for their own, and send a query where others send `auth`.
 */
export const AGES = Object.entries({
  "2.0": "socket.io-client-2.0",
  2.5: "socket.io-client-2.5",
  3.1: "socket.io-client-3.1",
  "4.0": "socket.io-client-4.0",
  4.8: "socket.io-client",
}).map(([version, name]) => {
  const { io, protocol } = require(name);
  return { version, io: io ?? require(name), eio: protocol === 4 ? 3 : 4 };
});

/** Bytes of any kind as a Buffer, anywhere in a value: the versions differ in what they hand over. */
export function withBuffers(value) {
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (Buffer.isBuffer(value) || value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(withBuffers);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withBuffers(item)]));
}
