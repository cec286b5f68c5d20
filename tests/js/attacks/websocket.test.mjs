// Frames that no well-behaved client sends, against the `conformance` example. What engine-protocol.test.mjs has of them
// is not repeated: too long messages, bytes that are no frames, a frame in the upgrade's own segment, unknown packets.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { conformance } from "../support/attacked.mjs";
import { besiege } from "../support/siege.mjs";
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, closeCode, frame, openWebSocket } from "../support/tcp.mjs";

const PATH = "/engine.io/?EIO=4&transport=websocket";
const PROTOCOL_ERROR = 1002;
const NO_TEXT = 1007;
const POLICY = 1008;
const TOO_LONG = 1009;

/** What ends a connection, and the close code it ends with. */
const VIOLATIONS = [
  ["a text of 2^62 bytes", PROTOCOL_ERROR, TOO_LONG, [frame(TEXT, "4a", { length: 1n << 62n })]],
  ["a binary message of 2^62 bytes", PROTOCOL_ERROR, TOO_LONG, [frame(BINARY, "a", { length: 1n << 62n })]],
  ["a length with its highest bit", PROTOCOL_ERROR, TOO_LONG, [frame(BINARY, "a", { length: (1n << 64n) - 1n })]],
  [
    "a fragment of 2^62 bytes",
    PROTOCOL_ERROR,
    TOO_LONG,
    [frame(TEXT, "4a", { fin: false }), frame(CONTINUATION, "a", { length: 1n << 62n })],
  ],
  ...[1, 2, 4, 7].map((rsv) => [`RSV bits ${rsv}`, PROTOCOL_ERROR, PROTOCOL_ERROR, [frame(TEXT, "4a", { rsv })]]),
  ...[3, 7, 11, 15].map((opcode) => [`opcode ${opcode}`, PROTOCOL_ERROR, PROTOCOL_ERROR, [frame(opcode, "4a")]]),
  ...[PING, PONG, CLOSE].flatMap((opcode) => [
    [`a control frame ${opcode} that is fragmented`, PROTOCOL_ERROR, PROTOCOL_ERROR, [frame(opcode, "", { fin: false })]],
    [`a control frame ${opcode} of 126 bytes`, PROTOCOL_ERROR, PROTOCOL_ERROR, [frame(opcode, "a".repeat(126))]],
    [`a control frame ${opcode} of 2^62 bytes`, PROTOCOL_ERROR, TOO_LONG, [frame(opcode, "a", { length: 1n << 62n })]],
  ]),
  ["a frame that is not masked", PROTOCOL_ERROR, PROTOCOL_ERROR, [frame(TEXT, "4a", { masked: false })]],
  ["the continuation of nothing", PROTOCOL_ERROR, PROTOCOL_ERROR, [frame(CONTINUATION, "4a")]],
  [
    "a message within another one",
    PROTOCOL_ERROR,
    PROTOCOL_ERROR,
    [frame(TEXT, "4a", { fin: false }), frame(TEXT, "4b")],
  ],
  ["a text that is no UTF-8", NO_TEXT, NO_TEXT, [frame(TEXT, Buffer.of(0x34, 0xff))]],
  [
    "a text that is no UTF-8 across two fragments",
    NO_TEXT,
    NO_TEXT,
    [frame(TEXT, Buffer.of(0x34, 0xe2, 0x82), { fin: false }), frame(CONTINUATION, Buffer.of(0x41))],
  ],
  [
    "a text that ends within a character",
    NO_TEXT,
    NO_TEXT,
    [frame(TEXT, Buffer.of(0x34, 0xe2), { fin: false }), frame(CONTINUATION, Buffer.of(0x82))],
  ],
  ["a surrogate in UTF-8", NO_TEXT, NO_TEXT, [frame(TEXT, Buffer.of(0x34, 0xed, 0xa0, 0x80))]],
  ["a close frame of one byte", PROTOCOL_ERROR, PROTOCOL_ERROR, [frame(CLOSE, "a")]],
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map((code) => [
    `the close code ${code}`,
    PROTOCOL_ERROR,
    PROTOCOL_ERROR,
    [frame(CLOSE, Buffer.of(code >> 8, code & 255))],
  ]),
  ["a close reason that is no UTF-8", NO_TEXT, PROTOCOL_ERROR, [frame(CLOSE, Buffer.of(3, 232, 0xff))]],
];

describe("frames", () => {
  const siege = besiege(conformance);

  for (const [what, code, orCode, frames] of VIOLATIONS) {
    siege.attack(`${what} closes with the code for it`, async () => {
      const tcp = await openWebSocket(siege.port, PATH);
      await tcp.write(Buffer.concat(frames));
      await tcp.end(450);
      assert.ok([code, orCode].includes(closeCode(tcp.bytes)), `closed with ${closeCode(tcp.bytes)}`);
    });
  }

  siege.attack("empty fragments without end, of ten clients at once, close with 1008", async () => {
    const empty = frame(CONTINUATION, "", { fin: false });
    const piece = Buffer.concat(Array.from({ length: 1000 }, () => empty));
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const tcp = await openWebSocket(siege.port, PATH);
        await tcp.write(frame(TEXT, "", { fin: false }));
        await tcp.writeForEver(piece, 16_000_000);
        await tcp.end();
        assert.equal(closeCode(tcp.bytes), POLICY);
      }),
    );
  });

  siege.attack("ten thousand fragments of one byte are one message", async () => {
    const tcp = await openWebSocket(siege.port, PATH);
    const one = frame(CONTINUATION, "a", { fin: false });
    const all = Array.from({ length: 10_000 }, () => one);
    await tcp.write(Buffer.concat([frame(TEXT, "4", { fin: false }), ...all, frame(CONTINUATION, "z")]));
    await tcp.until((text) => text.includes(`${"a".repeat(10_000)}z`));
    tcp.reset();
  });

  siege.attack("a ping flood of a client that does not read costs the others nothing", async () => {
    const piece = Buffer.concat(Array.from({ length: 500 }, () => frame(PING, "p".repeat(125))));
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const tcp = await openWebSocket(siege.port, PATH);
        tcp.socket.pause();
        // Sixty thousand pings each, or as many as the server takes before the heartbeat ends the session.
        for (let i = 0; i < 120 && !tcp.isGone; i += 1) {
          await Promise.race([tcp.write(piece), new Promise((resolve) => setTimeout(resolve, 100))]);
        }
        tcp.reset();
      }),
    );
  });

  siege.attack("a hundred thousand pongs that nobody asked for are ignored", async () => {
    const tcp = await openWebSocket(siege.port, PATH);
    const pongs = Buffer.concat(Array.from({ length: 1000 }, () => Buffer.concat([frame(PONG, "p"), frame(TEXT, "3")])));
    for (let i = 0; i < 50; i += 1) await tcp.write(pongs);
    await tcp.write(frame(TEXT, "4after the pongs"));
    await tcp.until((text) => text.includes("4after the pongs"));
    tcp.reset();
  });

  siege.attack("a message in segments of one byte is read", async () => {
    const tcp = await openWebSocket(siege.port, PATH);
    await tcp.dribble(frame(TEXT, `4${"slow ".repeat(200)}`));
    await tcp.until((text) => text.includes("slow ".repeat(200)));
    tcp.reset();
  });

  siege.leavesNothing();
});
