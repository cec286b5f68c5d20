// Socket.IO packets that no well-behaved client sends, against the `conformance` example. Single packets and binary
// sequences that end a connection (counts of 0, 11 and 10^9, missing and unasked attachments, placeholders that are -1, out
// of range or "splice", event names that are no strings or reserved, broken JSON) are in socket-protocol.test.mjs, in the
// list of violations; here is what is dangerous by its size or number.

import { describe } from "node:test";
import { conformance } from "../support/attacked.mjs";
import { besiege } from "../support/siege.mjs";
import { BINARY, TEXT, frame, openWebSocket } from "../support/tcp.mjs";

const PATH = "/socket.io/?EIO=4&transport=websocket";
const LIMIT = 1_000_000;
const PLACEHOLDERS = (count) => Array.from({ length: count }, (_, num) => ({ _placeholder: true, num }));

/** A client in the main namespace. */
async function joined(port) {
  const tcp = await openWebSocket(port, PATH);
  await tcp.write(frame(TEXT, "40"));
  await tcp.until((text) => text.includes('42["auth",'));
  return tcp;
}

const fill = (opening, filling) => opening + filling.repeat(Math.floor((LIMIT - opening.length - 10) / filling.length));

/** Packets that end the connection however large they are. */
const BOMBS = [
  ["arrays in arrays", [fill('42["message",', "[")]],
  ["objects in objects", [fill('42["message",', '{"a":')]],
  ["arrays that are closed as well", [`42["message",${"[".repeat(400_000)}${"]".repeat(400_000)}]`]],
  ["arrays in the payload of CONNECT", [fill("40/custom,", "[")]],
  ["half a million arguments", [`42["message"${",1".repeat(499_000)}]`]],
  ["an event id of a million digits", [`42${"9".repeat(LIMIT - 20)}["message"]`]],
  ["a count of 10^12 attachments", ['451000000000000-["message",{"_placeholder":true,"num":0}]']],
  ["a count of a million digits", [`45${"9".repeat(LIMIT - 20)}-["message"]`]],
  ["a namespace of a million letters", [`40/${"n".repeat(LIMIT - 20)},`]],
  ["a hundred namespaces", Array.from({ length: 100 }, (_, i) => `40/nowhere${i},`)],
  ["placeholder 10 of ten", [`4510-["message",${JSON.stringify([...PLACEHOLDERS(9), { _placeholder: true, num: 10 }])}]`]],
];

describe("packets", () => {
  const siege = besiege(conformance);

  for (const [what, packets] of BOMBS) {
    siege.attack(`${what}: the connection is closed`, async () => {
      const tcp = await joined(siege.port);
      // Attachments follow, as some of these packets are only judged when they are complete.
      const frames = [...packets.map((packet) => frame(TEXT, `${packet}`)), ...Array(10).fill(frame(BINARY, "a"))];
      await tcp.write(Buffer.concat(frames));
      await tcp.end(450);
    });
  }

  siege.attack("attachments that are together longer than a message may be close the connection", async () => {
    const tcp = await joined(siege.port);
    await tcp.write(frame(TEXT, `4510-["message",${JSON.stringify(PLACEHOLDERS(10))}]`));
    await tcp.writeForEver(frame(BINARY, "a".repeat(300_000)), 16 * LIMIT);
  });

  siege.attack("attachments without end, by ten clients, close each connection", () =>
    Promise.all(
      Array.from({ length: 10 }, async () => {
        const tcp = await joined(siege.port);
        await tcp.write(frame(TEXT, '451-["message",{"_placeholder":true,"num":0}]'));
        await tcp.writeForEver(frame(BINARY, "a".repeat(1000)), 16 * LIMIT);
      }),
    ),
  );

  siege.attack("a placeholder that stands a thousand times for one attachment makes nothing larger", async () => {
    const tcp = await joined(siege.port);
    const one = '{"_placeholder":true,"num":0}';
    await tcp.write(frame(TEXT, `451-["message",${Array(900).fill(one)}]`));
    await tcp.write(frame(BINARY, "a".repeat(900_000)));
    // Whether it is refused or answered with the one attachment: a gigabyte must not come of it.
    await Promise.race([tcp.end(5000), tcp.until((text) => text.length > 900_000, 5000)]).catch(() => {});
    if (tcp.bytes.length > 3 * LIMIT) throw new Error(`${tcp.bytes.length} bytes came back`);
    tcp.reset();
  });

  siege.attack("objects of a hundred thousand keys and numbers without end are answered as they came", async () => {
    const tcp = await joined(siege.port);
    const keys = Array.from({ length: 50_000 }, (_, i) => `"k${i}":1`).join();
    for (const value of [`{${keys}}`, `1${"0".repeat(100_000)}`, "1e999999", '{"__proto__":{"polluted":1}}']) {
      const before = tcp.bytes.length;
      await tcp.write(frame(TEXT, `42["message",${value}]`));
      await tcp.until((text) => text.slice(before).includes(`42["message-back",${value}]`));
    }
    tcp.reset();
  });

  siege.attack("fifty thousand events of a client that does not read hold up nobody", async () => {
    const tcp = await joined(siege.port);
    tcp.socket.pause();
    const piece = Buffer.concat(Array.from({ length: 500 }, () => frame(TEXT, `42["message","${"a".repeat(200)}"]`)));
    for (let i = 0; i < 100 && !tcp.isGone; i += 1) {
      await Promise.race([tcp.write(piece), new Promise((resolve) => setTimeout(resolve, 50))]);
    }
    tcp.reset();
  });

  siege.attack("CONNECT and DISCONNECT, ten thousand times, leave no socket behind", async () => {
    const tcp = await joined(siege.port);
    const piece = Buffer.concat(Array.from({ length: 100 }, () => Buffer.concat([frame(TEXT, "41"), frame(TEXT, "40")])));
    for (let i = 0; i < 100; i += 1) await tcp.write(piece);
    await tcp.write(frame(TEXT, '42["message","the last"]'));
    await tcp.until((text) => text.includes("the last"));
    tcp.reset();
  });

  siege.leavesNothing();
});
