// Starting, watching and killing the programs under test.

import { spawn } from "node:child_process";
import net from "node:net";
import { until, within } from "./wait.mjs";

const running = new Set();

// A test run that is cut short must not leave servers behind.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => process.exit(1));
}

/** Finds a TCP port nobody listens on. */
export async function freePort() {
  const probe = net.createServer();
  await new Promise((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", resolve);
  });
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Returns the program named by an environment variable, or fails with a sentence that says what to set. */
export function programFrom(variable) {
  const program = process.env[variable];
  if (!program) throw new Error(`${variable} must name the program to test; tests/run sets it`);
  return program;
}

/** A child process whose output is kept for error messages. */
export class Program {
  #child;
  #output = "";
  #exited;

  /** Starts `command` with `args`; `env` is added to a minimal environment. */
  static start(command, args = [], { env = {}, cwd } = {}) {
    const program = new Program();
    // Settings of the machine that runs the tests (DB_URL, JWT_SECRET, ...) must not leak into the program.
    const base = {};
    for (const name of ["PATH", "HOME", "TMPDIR", "LANG", "RUST_LOG", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"]) {
      if (process.env[name] !== undefined) base[name] = process.env[name];
    }
    const child = spawn(command, args, { env: { ...base, ...env }, cwd, stdio: ["ignore", "pipe", "pipe"] });
    program.#child = child;
    running.add(child);
    const keep = (chunk) => {
      // The end of the output is what explains a failure; a chatty program must not fill the memory.
      program.#output = (program.#output + chunk).slice(-100_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    program.#exited = new Promise((resolve) => {
      child.once("error", (error) => {
        keep(String(error));
        running.delete(child);
        resolve({ code: null, signal: null, error });
      });
      child.once("exit", (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    });
    return program;
  }

  get pid() {
    return this.#child.pid;
  }

  get output() {
    return this.#output;
  }

  get alive() {
    return running.has(this.#child);
  }

  /** Resolves with the exit code or signal once the program has ended. */
  exit(timeout = 10_000) {
    return within(timeout, "end of the program", this.#exited);
  }

  /** Waits until `condition` holds; fails at once, with the output, when the program ends first. */
  async ready(condition, timeout = 20_000) {
    try {
      await until(
        "readiness of the program",
        async () => {
          if (!this.alive) throw new Error("the program ended before it was ready");
          return condition();
        },
        { timeout, every: 20 },
      );
    } catch (error) {
      await this.kill("SIGKILL");
      throw new Error(`${error.message}; its output:\n${this.#output}`, { cause: error });
    }
    return this;
  }

  /** Sends a signal that is not meant to end the program. */
  signal(signal) {
    this.#child.kill(signal);
  }

  /** Sends a signal and waits for the end. */
  async kill(signal = "SIGTERM") {
    if (this.alive) this.#child.kill(signal);
    return this.exit();
  }
}

/** Starts the `conformance` example (CONFORMANCE_BIN) and waits for its "listening" line. */
export function startConformance(options) {
  return startExample("CONFORMANCE_BIN", options);
}

/** Starts the `features` example (FEATURES_BIN) with one of its servers and waits for its "listening" line. */
export function startFeature(feature, { env = {}, ...options } = {}) {
  return startExample("FEATURES_BIN", { ...options, env: { ...env, FEATURE: feature } });
}

async function startExample(variable, { port, env = {} } = {}) {
  port ??= await freePort();
  const program = Program.start(programFrom(variable), [], { env: { ...env, PORT: String(port) } });
  await program.ready(() => program.output.includes("listening"));
  return { port, url: `http://127.0.0.1:${port}`, program, kill: (signal = "SIGKILL") => program.kill(signal) };
}
