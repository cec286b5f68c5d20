// The official client in a real browser over WebTransport, alone and as an upgrade from polling.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startFeature } from '../js/support/program.mjs';
import { launch, openProfile } from './support/browser.mjs';

const CLIENT = fileURLToPath(new URL('node_modules/socket.io-client/dist/socket.io.js', import.meta.url));
/** The official client leaves the promise of its writing pipe to itself, which fails when it closes the session. */
const UNHANDLED = 'uncaught: The session is closed.';
const ONLY = ['webtransport'];
const UPGRADE = ['polling', 'webtransport'];
const ALL = ['polling', 'websocket', 'webtransport'];

let browser, pages, server, certificate, profile, origin;

before(async () => {
  browser = await launch({ quic: true });
  server = await startFeature('webtransport');
  [, certificate] = /certificate ([0-9a-f]{64})/u.exec(server.program.output);
  pages = await servePages();
  origin = `http://127.0.0.1:${pages.address().port}`;
  profile = await openProfile(browser, [origin, server.url]);
});
after(async () => {
  await browser?.close();
  await server?.kill();
  pages?.close();
});
afterEach(() => assert.deepEqual(profile.problems.splice(0).filter((problem) => problem !== UNHANDLED), []));

/** A server for a page with the client library: WebTransport is for pages of HTTPS or of this machine. */
async function servePages() {
  const client = await readFile(CLIENT);
  const http = createServer((request, response) => {
    const isPage = request.url === '/';
    response.setHeader('content-type', isPage ? 'text/html' : 'text/javascript');
    response.end(isPage ? '<!doctype html><link rel="icon" href="data:,"><script src="client.js"></script>' : client);
  });
  await new Promise((listening) => http.listen(0, '127.0.0.1', listening));
  return http;
}

/** A page that has the client library and the functions of `inPage`. */
async function openPage() {
  const page = await profile.newPage();
  await page.goto(origin);
  await page.evaluate(inPage, [server.url, certificate]);
  return page;
}

/** Runs in the page: what the tests do with sockets. */
function inPage([url, certificate]) {
  const value = Uint8Array.from(certificate.match(/../gu), (digits) => Number.parseInt(digits, 16));
  const transportOptions = { webtransport: { serverCertificateHashes: [{ algorithm: 'sha-256', value }] } };

  window.heard = [];

  /** Connects and waits until the last of the transports is in use. */
  window.connect = (transports, options = {}) => new Promise((resolve, reject) => {
    const socket = io(url, { transports, transportOptions, reconnection: false, forceNew: true, ...options });
    window.socket = socket;
    socket.on('connect_error', (error) => reject(new Error(`${error.message}: ${error.description}`)));
    socket.on('question', (question, ack) => ack(`${question} yes`));
    socket.on('left', (reason) => window.heard.push(reason));
    socket.on('disconnect', (reason) => window.heard.push(`disconnect: ${reason}`));
    socket.on('connect', () => {
      const { engine } = socket.io;
      const done = () => engine.transport.name === transports.at(-1);
      if (done()) resolve(engine.transport.name);
      else engine.on('upgrade', () => done() && resolve(engine.transport.name));
    });
  });

  window.until = async (holds) => {
    while (!holds()) await new Promise((again) => setTimeout(again, 10));
  };
}

for (const [title, transports] of [['alone', ONLY], ['as an upgrade from polling', UPGRADE], ['preferred to WebSocket', ALL]]) {
  describe(`WebTransport ${title}:`, { timeout: 60_000 }, () => {
    let page;
    before(async () => {
      page = await openPage();
    });
    after(() => page?.close());

    test('the official client connects by it', async () => {
      assert.equal(await page.evaluate((names) => connect(names), transports), 'webtransport');
      assert.equal(await page.evaluate(() => socket.emitWithAck('transport')), 'webtransport');
    });

    test('text of every size comes back as it went', async () => {
      const lengths = await page.evaluate(async () => {
        const answers = [];
        for (const length of [0, 1, 125, 126, 65_535, 65_536, 500_000]) {
          const text = '€'.repeat(length / 3) + 'x'.repeat(length % 3);
          const answer = await socket.emitWithAck('echo', text, { length });
          answers.push(answer === text);
        }
        return answers;
      });
      assert.deepEqual(lengths, Array(7).fill(true));
    });

    test('binary of every size comes back as it went', async () => {
      const answers = await page.evaluate(async () => {
        const results = [];
        for (const length of [1, 125, 126, 65_536, 300_000]) {
          const bytes = Uint8Array.from({ length }, (_, index) => index % 251);
          const answer = new Uint8Array(await socket.emitWithAck('echo', bytes));
          results.push(answer.length === length && answer.every((byte, index) => byte === bytes[index]));
        }
        return results;
      });
      assert.deepEqual(answers, Array(5).fill(true));
    });

    test('an empty binary message arrives', async () => {
      assert.equal(await page.evaluate(async () => (await socket.emitWithAck('empty')).byteLength), 0);
    });

    test('the server may ask, and is answered', async () => {
      assert.equal(await page.evaluate(() => socket.emitWithAck('ask', 'ready?')), 'ready? yes');
    });

    test('500 events come back in order', async () => {
      const inOrder = await page.evaluate(async () => {
        const numbers = Array.from({ length: 500 }, (_, number) => number);
        const order = [];
        await Promise.all(numbers.map((number) => socket.emitWithAck('echo', number).then((answer) => order.push(answer))));
        return order.every((answer, number) => answer === number);
      });
      assert.ok(inOrder);
    });

    test('a client that leaves is told to the others', async () => {
      const other = await openPage();
      await other.evaluate((names) => connect(names), transports);
      await other.evaluate(() => socket.disconnect());
      await page.evaluate(() => until(() => heard.length > 0));
      assert.deepEqual(await page.evaluate(() => heard.splice(0)), ['client namespace disconnect']);
      const closed = await openPage();
      await closed.evaluate((names) => connect(names), transports);
      await closed.close();
      await page.evaluate(() => until(() => heard.length > 0));
      assert.deepEqual(await page.evaluate(() => heard.splice(0)), ['transport close']);
      await other.close();
    });

    test('a server that closes the connection is an orderly end', async () => {
      await page.evaluate(() => {
        socket.emit('close');
        return until(() => !socket.connected);
      });
      assert.deepEqual(await page.evaluate(() => heard.splice(0)), ['disconnect: transport close']);
    });
  });
}
