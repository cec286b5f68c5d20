// A raw Engine.IO 4 client for tests: shows every packet as it is on the wire and shares no code with the server.

import { WebSocket } from "ws";
import { open, answerTo, send } from "./raw-http.mjs";
import { Inbox, once, within } from "./wait.mjs";

export const SEPARATOR = "\x1e";

/** A session over HTTP long-polling. */
export class Polling {
  #posts = Promise.resolve();
  #queue = [];

  constructor(endpoint, handshake) {
    this.handshake = handshake;
    this.sid = handshake.sid;
    this.endpoint = endpoint;
    this.url = `${endpoint}?EIO=4&transport=polling&sid=${handshake.sid}`;
  }

  /** Opens a session; `endpoint` is the URL up to and with the path. */
  static async open(endpoint) {
    const answer = await send(`${endpoint}?EIO=4&transport=polling`);
    if (answer.status !== 200) throw new Error(`handshake answered ${answer.status} ${answer.body}`);
    const [packet, ...rest] = answer.body.split(SEPARATOR);
    const session = new Polling(endpoint, JSON.parse(packet.slice(1)));
    session.#queue.push(...rest);
    return session;
  }

  /** One GET, answered as it is. */
  get(options = {}) {
    return send(this.url, options);
  }

  /** A GET that the test may abort; `arrived` resolves once the bytes have left this process. */
  beginGet() {
    const request = open(this.url);
    const answer = answerTo(request);
    answer.catch(() => {});
    const arrived = new Promise((resolve) => {
      request.on("socket", (socket) => {
        socket.on("connect", () => socket.write("", resolve));
      });
    });
    request.end();
    return { request, answer, arrived };
  }

  /** One POST. The session's own POSTs never overlap, as the protocol forbids that. */
  post(body, options = {}) {
    const result = this.#posts.then(() =>
      send(this.url, { method: "POST", body, headers: { "Content-Type": "text/plain;charset=UTF-8" }, ...options }),
    );
    this.#posts = result.catch(() => {});
    return result;
  }

  /** The next packet that is no ping; pings are answered on the way. */
  async next() {
    for (;;) {
      while (this.#queue.length > 0) {
        const packet = this.#queue.shift();
        if (packet !== "2") return packet;
        await this.post("3");
      }
      const answer = await this.get();
      if (answer.status !== 200) throw new Error(`poll answered ${answer.status} ${answer.body}`);
      this.#queue.push(...answer.body.split(SEPARATOR));
    }
  }

  async take(count) {
    const packets = [];
    while (packets.length < count) packets.push(await this.next());
    return packets;
  }

  /** Whether the server still knows the session; a pong is the packet that disturbs least. */
  async known() {
    const answer = await this.post("3");
    return !(answer.status === 400 && answer.body === '{"code":1,"message":"Session ID unknown"}');
  }

  /** The body of the whole next poll response without pings, which are answered. */
  async body() {
    for (;;) {
      const answer = await this.get();
      const packets = answer.body.split(SEPARATOR);
      const others = packets.filter((packet) => packet !== "2");
      if (packets.length !== others.length) await this.post("3");
      if (others.length > 0) return { status: answer.status, body: others.join(SEPARATOR) };
    }
  }
}

/** A WebSocket that keeps its frames in an inbox. Text arrives as string, binary as Buffer. */
export class Wire {
  #inbox = new Inbox();

  constructor(url, { answerPings = true, headers = {} } = {}) {
    this.socket = new WebSocket(url, { perMessageDeflate: false, headers });
    this.pings = 0;
    this.closed = new Promise((resolve) => {
      this.socket.on("close", (code, reason) => {
        this.#inbox.fail(new Error(`the WebSocket closed with ${code}`));
        resolve({ code, reason: reason.toString(), at: performance.now() });
      });
    });
    this.socket.on("error", (error) => this.#inbox.fail(error));
    this.socket.on("message", (data, isBinary) => {
      const frame = isBinary ? data : data.toString("utf8");
      if (answerPings && frame === "2") {
        this.pings += 1;
        this.socket.send("3");
        return;
      }
      this.#inbox.push(frame);
    });
  }

  /** Opens a session over WebSocket alone and reads its open packet. */
  static async open(endpoint, options) {
    const wire = new Wire(`${webSocketUrl(endpoint)}?EIO=4&transport=websocket`, options);
    const packet = await wire.next();
    wire.openedAt = performance.now();
    wire.handshake = JSON.parse(packet.slice(1));
    wire.sid = wire.handshake.sid;
    return wire;
  }

  /** Connects a second transport for a polling session. */
  static async connect(endpoint, sid, options) {
    const wire = new Wire(`${webSocketUrl(endpoint)}?EIO=4&transport=websocket&sid=${sid}`, options);
    await once(wire.socket, "open");
    return wire;
  }

  send(data) {
    this.socket.send(data);
  }

  next(timeout = 5000) {
    return this.#inbox.take(timeout, "next frame");
  }

  take(count, timeout) {
    return this.#inbox.takeMany(count, timeout);
  }

  get unread() {
    return this.#inbox.size;
  }

  /** Resolves with code, reason and time of the close. */
  close(timeout = 5000) {
    return within(timeout, "close of the WebSocket", this.closed);
  }

  /** Sends a message and waits for its echo, which shows that the session works. */
  async echo(text) {
    this.send(`4${text}`);
    return (await this.next()) === `4${text}`;
  }

  /** Ends the connection without waiting for the server. */
  drop() {
    this.socket.terminate();
  }
}

export function webSocketUrl(endpoint) {
  return endpoint.replace(/^http/, "ws");
}

/** Upgrades a polling session the way the official client does, and returns the WebSocket. */
export async function upgrade(session, options) {
  const wire = await Wire.connect(session.endpoint, session.sid, options);
  // The poll in flight must be ended by the server before the switch.
  const poll = drainPoll(session);
  wire.send("2probe");
  const answer = await wire.next();
  if (answer !== "3probe") throw new Error(`probe answered ${answer}`);
  const rest = await poll;
  wire.send("5");
  return { wire, rest };
}

/** Polls until the response holds the noop that ends a poll during an upgrade; returns the packets before it. */
export async function drainPoll(session) {
  const packets = [];
  for (;;) {
    const answer = await session.get();
    if (answer.status !== 200) throw new Error(`poll answered ${answer.status} ${answer.body}`);
    let ended = false;
    for (const packet of answer.body.split(SEPARATOR)) {
      if (packet === "6") ended = true;
      else if (packet === "2") await session.post("3");
      else packets.push(packet);
    }
    if (ended) return packets;
  }
}
