import { createServer } from "node:http";
import { Server } from "socket.io";
import { serve } from "./contract.js";

const http = createServer();
serve(new Server(http, { serveClient: false }));
http.listen({ host: "127.0.0.1", port: process.env.PORT, backlog: 4096 }, () => console.log("listening"));
