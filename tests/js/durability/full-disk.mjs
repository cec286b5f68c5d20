// A full disk: SQLite's files can grow no further while people write, and then they can again.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, test } from "node:test";
import { disconnectAll } from "../support/official.mjs";
import { Roomcast } from "../support/roomcast.mjs";
import { until } from "../support/wait.mjs";
import { Load } from "./load.mjs";

const UNAVAILABLE = "The database is not available, try again in a moment";

/** How many refusals are waited for, and how many lines of the log may tell of them. */
const REFUSALS = 200;
const LINES = 3;

/** A file system of a megabyte in memory. */
class SmallDisk {
  directory = mkdtempSync(path.join(tmpdir(), "roomcast-disk-"));

  constructor() {
    this.#mount("size=1m,mode=700", "-t", "tmpfs", "tmpfs");
  }

  makeRoom() {
    this.#mount("remount,size=64m");
  }

  remove() {
    execFileSync("umount", [this.directory]);
    rmSync(this.directory, { recursive: true });
  }

  #mount(options, ...what) {
    execFileSync("mount", ["-o", options, ...what, this.directory], { stdio: "pipe" });
  }
}

/** Why this user cannot make a small file system, if that is so. */
function impossible() {
  try {
    new SmallDisk().remove();
    return false;
  } catch {
    return "only root can make a small file system";
  }
}

export function fullDisk(store) {
  describe("the disk under load", () => {
    afterEach(disconnectAll);

    test("is full: it is told and logged once, people can read, and writing goes on when there is room", {
      timeout: 60_000,
      skip: impossible(),
    }, async (t) => {
      const disk = new SmallDisk();
      const roomcast = await Roomcast.start(store, { DATA_DIR: disk.directory });
      let load;
      try {
        load = await Load.begin(roomcast);
        await until("the writers are told", () => (load.failures.get(UNAVAILABLE) ?? 0) >= REFUSALS, { timeout: 30_000 });
        await load.host.wholeHistory(load.roomCode);
        const lines = roomcast.output.split("\n").filter((line) => /WARN|ERROR/.test(line));
        assert.ok(lines.some((line) => line.includes("disk is full")), roomcast.output);
        assert.ok(lines.length <= LINES, lines.join("\n"));
        disk.makeRoom();
        await load.more(50);
        await load.stop();
        assert.deepEqual([...load.failures.keys()], [UNAVAILABLE]);
        assert.equal(load.broken, 0, "every request was answered");
        await load.verify();
        await roomcast.kill("SIGKILL");
        assert.equal(integrity(disk.directory), "ok");
        await roomcast.resume();
        await load.verify();
        t.diagnostic(load.figures);
      } finally {
        load?.abandon();
        disconnectAll();
        await roomcast.kill();
        disk.remove();
      }
    });
  });
}

/** What SQLite finds when it looks through the whole database. */
function integrity(directory) {
  const look = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchone()[0])";
  return execFileSync("python3", ["-c", look, path.join(directory, "roomcast.db")], { encoding: "utf8" }).trim();
}
