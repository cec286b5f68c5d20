// A server of a few lines that nobody attacks: how late it answers is what the machine, and not the server under test, is
// to blame for. Its port goes to the parent.

import http from "node:http";

const server = http.createServer((_, response) => response.end("ok"));
server.listen(0, "127.0.0.1", () => process.send(server.address().port));
process.on("disconnect", () => process.exit());
