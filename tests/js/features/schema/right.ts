// A client that uses the generated declaration. It is compiled and never run.

import { io } from "socket.io-client";
import type { Socket } from "socket.io-client";
import type {
  ClientSocket,
  ClientToServerEvents,
  ServerToClientEvents,
  Speaker,
} from "../../../../engineio/examples/typed/events";

const socket: ClientSocket = io();
export const same: Socket<ServerToClientEvents, ClientToServerEvents> = socket;
const speaker: Speaker = { name: "ada", seatNumber: null, volume: "high" };

export async function use(): Promise<number> {
  socket.on("joined", ({ name, seatNumber }) => console.log(name.toUpperCase(), seatNumber?.toFixed()));
  socket.on("chat message", (text) => text.toUpperCase());
  socket.once("shown", (picture) => picture.byteLength);
  socket.on("asked", (question, ack) => ack(question.length > 0));
  socket.emit("chat message", "room", "text");
  socket.emit("show", "room", new Uint8Array([1]), (size) => size.toFixed());
  socket.timeout(1000).emit("show", "room", new ArrayBuffer(1), (error, size) => console.log(error.message, size));
  const [yes, missing]: [number, number] = await socket.timeout(1000).emitWithAck("survey", "room", "ready?");
  const joined = await socket.emitWithAck("join", "room", speaker);
  if (typeof joined === "number") return joined + yes + missing;
  const refusal: "nameless" | "full" = joined.error;
  throw new Error(refusal);
}
