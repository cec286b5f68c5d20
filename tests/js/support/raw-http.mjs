// HTTP as it is on the wire: one connection per request, nothing followed, nothing decoded, nothing retried.

import http from "node:http";
import net from "node:net";
import { within } from "./wait.mjs";

/**
 * Sends one request and reads the whole answer.
 *
 * `body` may be a string, a Buffer or an array of them; an array is sent in chunked encoding, one chunk each.
 */
export function send(url, { method = "GET", headers = {}, body, timeout = 5000 } = {}) {
  const request = open(url, { method, headers });
  if (Array.isArray(body)) {
    (async () => {
      for (const piece of body) await new Promise((resolve) => request.write(piece, resolve));
      request.end();
    })();
  } else {
    request.end(body);
  }
  return within(timeout, `${method} ${url}`, answerTo(request));
}

/**
 * Sends the head of a POST that claims a body of `length` bytes, and reads the answer. For lengths that are refused: a
 * client that is still writing when the server has answered and closed may not get to read.
 */
export function claim(url, length, { headers = {}, timeout = 5000 } = {}) {
  const request = open(url, { method: "POST", headers: { ...headers, "Content-Length": length } });
  request.flushHeaders();
  return within(timeout, `POST ${url}`, answerTo(request)).finally(() => request.destroy());
}

/** Begins a request that the test itself writes, ends or aborts. */
export function open(url, { method = "GET", headers = {} } = {}) {
  const request = http.request(url, { method, headers, agent: false });
  request.setNoDelay(true);
  // Failures reach the test through `answerTo`; without a listener they would end the process.
  request.on("error", () => {});
  return request;
}

/** The answer to a request of `open`; rejects when the connection is cut first. */
export function answerTo(request) {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (response) => {
      const pieces = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("error", reject);
      response.on("end", () => {
        const bytes = Buffer.concat(pieces);
        resolve({ status: response.statusCode, headers: response.headers, bytes, body: bytes.toString("utf8") });
      });
    });
  });
}

/**
 * Writes bytes to a fresh TCP connection and returns everything that came until the server closed it, or until the
 * text so far satisfies `enough`.
 */
export function exchange(port, bytes, { timeout = 5000, enough = () => false } = {}) {
  const socket = net.connect(port, "127.0.0.1");
  const result = new Promise((resolve, reject) => {
    const pieces = [];
    socket.on("connect", () => socket.write(bytes));
    socket.on("data", (piece) => {
      pieces.push(piece);
      if (enough(Buffer.concat(pieces).toString("latin1"))) resolve(Buffer.concat(pieces));
    });
    // A reset after the answer is an acceptable end; what matters is what was read before it.
    socket.on("error", (error) => (pieces.length > 0 ? resolve(Buffer.concat(pieces)) : reject(error)));
    socket.on("close", () => resolve(Buffer.concat(pieces)));
  });
  return within(timeout, "end of the connection", result)
    .then((all) => all.toString("latin1"))
    .finally(() => socket.destroy());
}

/** The text of a WebSocket upgrade request; a header set to `null` is left out. */
export function upgradeRequest(path, headers = {}) {
  const all = {
    Host: "127.0.0.1",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  };
  const lines = Object.entries(all)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** Splits a raw HTTP answer into its status line, headers (names in lower case) and body. */
export function parseAnswer(text) {
  const end = text.indexOf("\r\n\r\n");
  const [statusLine, ...lines] = text.slice(0, end).split("\r\n");
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { statusLine, headers, body: text.slice(end + 4) };
}
