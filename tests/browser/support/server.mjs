// Starts, kills and restarts the server binary on a port and a data directory of its own.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const BINARY = resolve(process.env.ROOMCAST_BIN ?? join(REPOSITORY, 'target/release/roomcast'));
/** Milliseconds within which the server must answer after its start. */
const START_LIMIT_MS = 15_000;
const POLL_MS = 25;

function freePort() {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

/**
 * Starts a server; `kill` ends it without warning, `start` brings it back on the same port and data.
 * @param {Record<string, string>} settings environment variables on top of the tests' own
 */
export async function startServer(settings = {}) {
  const port = await freePort();
  const dataDir = await mkdtemp(join(tmpdir(), 'roomcast-browser-'));
  const url = `http://localhost:${port}`;
  let child = null;
  let output = '';

  async function start() {
    child = spawn(BINARY, [], {
      // An empty directory: no `.env` of the developer's may change what is tested.
      cwd: dataDir,
      env: {
        PATH: process.env.PATH,
        PORT: String(port),
        DATA_DIR: dataDir,
        BCRYPT_COST: '4',
        LIMITS: 'off',
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    let failure = null;
    child.once('error', (error) => (failure = error));
    const deadline = Date.now() + START_LIMIT_MS;
    while (!(await answers())) {
      if (failure || child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`${BINARY} does not answer on port ${port}: ${failure?.message ?? output}`);
      }
      await new Promise((again) => setTimeout(again, POLL_MS));
    }
  }

  async function answers() {
    try {
      return (await fetch(`${url}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  async function kill() {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await ended;
  }

  await start();
  return {
    url,
    start,
    kill,
    async stop() {
      await kill();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
