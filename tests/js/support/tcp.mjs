// Bytes over TCP, and WebSocket frames written by hand: what attackers send is seldom what a library would write.

import { randomBytes } from "node:crypto";
import net from "node:net";
import { upgradeRequest } from "./raw-http.mjs";
import { until, within } from "./wait.mjs";

/**
 * Resets a connection. One whose end is being sent is closed instead: Node would fail to reset it ("reset EINVAL"), keep
 * the handle for ever, and never exit.
 */
export function reset(socket) {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** A connection whose every byte is the test's own. */
export class Tcp {
  #pieces = [];
  #ended;

  static async connect(port) {
    const tcp = new Tcp();
    // The server's end of its half must not end ours: half-closed connections are among the attacks.
    tcp.socket = net.connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    tcp.socket.on("data", (piece) => tcp.#pieces.push(piece));
    tcp.#ended = new Promise((resolve) => {
      tcp.socket.once("end", () => resolve("closed"));
      tcp.socket.once("close", () => resolve("closed"));
      tcp.socket.on("error", () => resolve("reset"));
    });
    const connected = new Promise((resolve, reject) => {
      tcp.socket.once("connect", resolve);
      tcp.socket.once("error", reject);
    });
    await within(5000, "connection", connected);
    return tcp;
  }

  /** Everything that came so far. */
  get bytes() {
    return Buffer.concat(this.#pieces);
  }

  get text() {
    return this.bytes.toString("latin1");
  }

  /** Whether nobody takes what is written any more. */
  get isGone() {
    return this.socket.destroyed || this.socket.readableEnded || this.socket.errored !== null;
  }

  /** Writes bytes; resolves when the system has taken them, or when the connection is gone. */
  write(bytes) {
    if (this.isGone) return Promise.resolve();
    return Promise.race([new Promise((resolve) => this.socket.write(bytes, resolve)), this.#ended]);
  }

  /** Writes bytes one by one, each in a segment of its own. */
  async dribble(bytes) {
    for (const byte of Buffer.from(bytes)) await this.write(Buffer.of(byte));
  }

  /** Writes a piece again and again until the server closes the connection; fails if it takes `atMost` bytes. */
  async writeForEver(piece, atMost) {
    for (let sent = 0; !this.isGone; sent += piece.length) {
      if (sent > atMost) throw new Error(`the server took ${sent} bytes and went on`);
      await this.write(piece);
      // Without this turn of the loop, the end of the connection would not be noticed.
      await new Promise(setImmediate);
    }
    this.socket.destroy();
  }

  /** Waits until the text so far satisfies `enough`, and returns it. */
  async until(enough, timeout = 5000) {
    await until("expected bytes", () => enough(this.text), { timeout, every: 2 });
    return this.text;
  }

  /** Waits until the server closes the connection, and returns all the text that came. */
  async end(timeout = 5000) {
    await within(timeout, "end of the connection", this.#ended);
    this.socket.destroy();
    return this.text;
  }

  /** Ends this side only. */
  halfClose() {
    this.socket.end();
  }

  reset() {
    reset(this.socket);
  }

  destroy() {
    this.socket.destroy();
  }
}

/** Writes bytes to a fresh connection and returns all that comes until the server closes it. */
export async function answerUntilClosed(port, bytes, timeout = 5000) {
  const tcp = await Tcp.connect(port);
  await tcp.write(bytes);
  return tcp.end(timeout);
}

/** The bytes of one frame; `length` is what it claims, whatever its payload has. */
export function frame(opcode, payload = "", { fin = true, rsv = 0, masked = true, length } = {}) {
  const data = Buffer.from(payload);
  const claimed = BigInt(length ?? data.length);
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const bit = masked ? 0x80 : 0;
  let head;
  if (claimed < 126n) head = Buffer.of(first, bit | Number(claimed));
  else if (claimed < 65_536n) head = Buffer.of(first, bit | 126, Number(claimed >> 8n), Number(claimed & 255n));
  else {
    head = Buffer.alloc(10);
    head.set([first, bit | 127]);
    head.writeBigUInt64BE(claimed, 2);
  }
  if (!masked) return Buffer.concat([head, data]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, data.map((byte, i) => byte ^ mask[i % 4])]);
}

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** A connection after the handshake of a WebSocket and, for a session of its own, after its open packet. */
export async function openWebSocket(port, path) {
  const tcp = await Tcp.connect(port);
  await tcp.write(upgradeRequest(path));
  const head = await tcp.until((text) => text.includes("\r\n\r\n"));
  if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(`the upgrade was answered ${head}`);
  if (!path.includes("sid=")) await tcp.until((text) => text.includes('"maxPayload":'));
  return tcp;
}

/** The code of the close frame that ends what the server has sent after its HTTP answer, or `null`. */
export function closeCode(bytes) {
  let at = bytes.indexOf("\r\n\r\n") + 4;
  while (at + 2 <= bytes.length) {
    const opcode = bytes[at] & 15;
    let length = bytes[at + 1];
    at += 2;
    if (length === 126) {
      length = bytes.readUInt16BE(at);
      at += 2;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(at));
      at += 8;
    }
    if (opcode === CLOSE) return at + length === bytes.length && length >= 2 ? bytes.readUInt16BE(at) : null;
    at += length;
  }
  return null;
}
