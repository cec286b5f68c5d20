// Events that are declared once: the server as declared, and the declaration in the hands of the TypeScript compiler.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { after, afterEach, before, describe, test } from "node:test";
import { TRANSPORTS, connect, disconnectAll } from "../support/official.mjs";
import { startFeature } from "../support/program.mjs";
import { once } from "../support/wait.mjs";

const ADA = { name: "ada", seatNumber: 7, volume: "high" };
let server;

before(async () => {
  server = await startFeature("schema");
});
after(() => server?.kill());
afterEach(disconnectAll);

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  describe(`declared events, ${name}:`, () => {
    const open = () => connect(server.url, { transports });

    /** Two clients in a room, the first of which has heard of the second. */
    async function together(room) {
      const [first, second] = [await open(), await open()];
      await first.emitWithAck("join", room, ADA);
      const joined = once(first, "joined");
      await second.emitWithAck("join", room, ADA);
      await joined;
      return [first, second];
    }

    test("are answered with the value or the error that their listener returns", async () => {
      const socket = await open();
      assert.equal(await socket.emitWithAck("join", `${name} alone`, ADA), 1);
      assert.deepEqual(await socket.emitWithAck("join", "room", { ...ADA, name: "" }), { error: "nameless" });
    });

    test("are sent with values as they are declared, bytes included", async () => {
      const [first, second] = await together(`${name} two`);
      const heard = ["joined", "chat message", "shown"].map((event) => once(first, event));
      const third = await open();
      await third.emitWithAck("join", `${name} two`, { ...ADA, seatNumber: null });
      second.emit("chat message", `${name} two`, "hello");
      assert.equal(await second.emitWithAck("show", `${name} two`, Buffer.from("abc")), 3);
      const [[joined], [text], [picture]] = await Promise.all(heard);
      assert.deepEqual(joined, { ...ADA, seatNumber: null });
      assert.equal(text, "hello");
      assert.deepEqual(Buffer.from(picture), Buffer.from("abc"));
    });

    test("with invalid arguments are answered with an error that names the argument", async () => {
      const socket = await open();
      for (const [args, error] of [
        [["room"], /^wanted 2 arguments \(room, speaker\), got 1$/],
        [["room", ADA, 7], /^wanted 2 arguments \(room, speaker\), got 3$/],
        [[{}, ADA], /^argument `room`: invalid type: map, expected a string/],
        [["room", { ...ADA, volume: "loud" }], /^argument `speaker`: unknown variant `loud`/],
        [["room", { volume: "low", seatNumber: null }], /^argument `speaker`: missing field `name`/],
      ]) {
        assert.match((await socket.emitWithAck("join", ...args)).error, error);
      }
      assert.equal(await socket.emitWithAck("join", `${name} after`, ADA), 1);
    });

    test("ask the clients of a room", async () => {
      const members = await together(`${name} asked`);
      for (const [index, member] of members.entries()) {
        member.on("asked", (question, ack) => ack(question === "ready?" && index === 0));
      }
      const socket = await open();
      assert.deepEqual(await socket.emitWithAck("survey", `${name} asked`, "ready?"), [1, 0]);
    });
  });
}

describe("the declaration for TypeScript", () => {
  const folder = fileURLToPath(new URL("schema/", import.meta.url));
  const compiler = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
  let errors;

  before(async () => {
    const args = [compiler, "--project", folder, "--pretty", "false"];
    const output = await new Promise((resolve) => execFile(process.execPath, args, (_, stdout) => resolve(stdout)));
    // Lines that are indented explain the one before.
    errors = output.split("\n").filter((line) => /^\S/.test(line));
  });

  test("compiles strictly with the official client's own types", () => {
    assert.deepEqual(errors.filter((line) => !/\/wrong\.ts\(/.test(line)), []);
  });

  test("refuses each use that is not declared, and nothing else", async () => {
    const lines = (await readFile(`${folder}wrong.ts`, "utf8")).split("\n");
    const expected = lines.flatMap((line, index) => {
      const code = line.match(/ \/\/ (TS\d+)$/)?.[1];
      return code ? [`${index + 1} ${code}`] : [];
    });
    assert.ok(expected.length >= 15);
    const found = errors.map((line) => line.match(/\/wrong\.ts\((\d+),\d+\): error (TS\d+):/)?.slice(1).join(" "));
    assert.deepEqual(found, expected);
  });
});
