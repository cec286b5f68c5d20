// What stands before the processes of a service while one takes over from another.

import { spawn } from "node:child_process";
import net from "node:net";
import readline from "node:readline";
import { pause, until, within } from "./wait.mjs";

/**
 * A supervisor that keeps a listening socket and starts programs with it, as systemd does.
 *
 * It is a shell, because whoever keeps a listening socket in Node.js accepts its connections as well.
 */
export class Supervisor {
  #shell;
  #lines;
  #waiting = [];
  #running = new Set();

  static async start(program, options) {
    const supervisor = new Supervisor();
    const server = net.createServer();
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    supervisor.port = server.address().port;
    const script = `while read -r _; do
      (
        sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0"' "$PROGRAM" </dev/null >/dev/null 2>&1 &
        echo "begin $!"
        wait
        echo "end $!"
      ) &
    done; wait`;
    supervisor.#shell = spawn("sh", ["-c", script], {
      cwd: options.cwd,
      env: { PATH: process.env.PATH, ...options.env, PROGRAM: program },
      stdio: ["pipe", "pipe", "inherit", server._handle.fd],
    });
    supervisor.#lines = readline.createInterface({ input: supervisor.#shell.stdout });
    supervisor.#lines.on("line", (line) => {
      const [what, pid] = line.split(" ");
      if (what === "begin") {
        supervisor.#running.add(Number(pid));
        supervisor.#waiting.shift()?.(Number(pid));
      } else supervisor.#running.delete(Number(pid));
    });
    // The shell has a socket of its own by now.
    await new Promise((resolve) => server.close(resolve));
    return supervisor;
  }

  /** Starts the program once more; resolves with its process id. */
  run() {
    const started = new Promise((resolve) => this.#waiting.push(resolve));
    this.#shell.stdin.write("go\n");
    return within(5000, "start of the program", started);
  }

  isRunning(pid) {
    return this.#running.has(pid);
  }

  /** Ends the programs that are still there, and the shell. */
  async close() {
    for (const pid of this.#running) process.kill(pid, "SIGKILL");
    this.#shell.stdin.end();
    await until("the end of all programs", () => this.#running.size === 0);
    this.#lines.close();
  }
}

/** Connects and asks all the time; counts what was refused, reset or not answered with 200. */
export class Knocker {
  #stopped = false;
  #done;
  answered = 0;
  failures = [];

  constructor(port) {
    this.#done = this.#knock(port);
  }

  async #knock(port) {
    while (!this.#stopped) {
      try {
        const status = await knock(port);
        if (status.includes(" 200 ")) this.answered++;
        else this.failures.push(status);
      } catch (error) {
        this.failures.push(error.message);
      }
      await pause(2);
    }
  }

  async stop() {
    this.#stopped = true;
    await this.#done;
  }
}

/** Sends one request on a connection of its own; resolves with the status line. */
function knock(port) {
  const answered = new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1");
    let text = "";
    socket.on("connect", () => socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    socket.on("data", (chunk) => (text += chunk));
    socket.on("error", reject);
    socket.on("close", () => (text ? resolve(text.split("\r\n")[0]) : reject(new Error("no answer"))));
  });
  return within(15_000, "an answer", answered);
}

/** A TCP proxy before several servers, which sends each new connection to one that says it is ready. */
export class ReadinessProxy {
  #server;
  #asking;
  #stopped = false;
  #sockets = new Set();
  #ready = [];

  static async start(upstreams) {
    const proxy = new ReadinessProxy();
    proxy.#server = net.createServer({ noDelay: true }, (client) => proxy.#accept(client));
    await new Promise((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}`;
    proxy.#asking = proxy.#ask(upstreams);
    return proxy;
  }

  async #ask(upstreams) {
    while (!this.#stopped) {
      const answers = await Promise.all(
        upstreams.map((port) =>
          fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(300) }).then(
            (answer) => answer.arrayBuffer().then(() => answer.status === 200),
            () => false,
          ),
        ),
      );
      this.#ready = upstreams.filter((_, i) => answers[i]);
      await pause(20);
    }
  }

  /** The ports of the servers that were ready when they were last asked. */
  get ready() {
    return this.#ready;
  }

  async #accept(client) {
    this.#sockets.add(client);
    client.on("error", () => {});
    client.on("close", () => this.#sockets.delete(client));
    // As long as nobody is ready, clients wait.
    while (this.#ready.length === 0 && !this.#stopped && !client.destroyed) await pause(10);
    if (this.#stopped || client.destroyed) return client.destroy();
    const upstream = net.connect({ port: this.#ready[0], host: "127.0.0.1", noDelay: true });
    upstream.on("error", () => client.destroy());
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.destroy());
    client.pipe(upstream).pipe(client);
  }

  async close() {
    this.#stopped = true;
    await this.#asking;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
