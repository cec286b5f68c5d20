// Bun's native HTTP and WebSocket server, through the engine that the authors of socket.io wrote for it.
import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";
import { serve } from "./contract.js";

const engine = new Engine({ path: "/socket.io/" });
const io = new Server();
io.bind(engine);
serve(io);

Bun.serve({ ...engine.handler(), hostname: "127.0.0.1", port: Number(process.env.PORT) });
console.log("listening");
