// A client that must not compile: each error the compiler has to find is named at the end of its line.

import { io } from "socket.io-client";
import type { ClientSocket, Speaker } from "../../../../engineio/examples/typed/events";

const socket: ClientSocket = io();
const speaker: Speaker = { name: "ada", seatNumber: 7, volume: "high" };

// There are no such events.
socket.emit("chat"); // TS2345
socket.emit("said", "room", "text"); // TS2345
socket.on("join", () => {}); // TS2345
// An argument is missing, or one too many, or has another type.
socket.emit("chat message", "room"); // TS2554
socket.emit("chat message", "room", "text", 7); // TS2554
socket.emit("chat message", "room", 7); // TS2345
socket.emit("show", "room", "a text", () => {}); // TS2345
// A field is missing, unknown, or has a value it cannot have.
socket.emit("join", "room", { name: "ada", volume: "low" }, () => {}); // TS2345
socket.emit("join", "room", { ...speaker, age: 7 }, () => {}); // TS2353
socket.emit("join", "room", { ...speaker, volume: "loud" }, () => {}); // TS2322
// The answer has another type, is not looked at for an error, or is asked for where there is none.
socket.emit("show", "room", new Uint8Array(), (size: string) => size); // TS2345
socket.emit("join", "room", speaker, (members) => members.toFixed()); // TS2339
socket.emitWithAck("chat message", "room", "text"); // TS2554
// What the server sends has another type, and it wants an answer of another type.
socket.on("joined", (name: string) => name); // TS2345
socket.on("asked", (question, ack) => ack(question)); // TS2345
