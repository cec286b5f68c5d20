// The contract of `bench_server`, in the library's own words.

export function serve(io) {
  io.on("connection", (socket) => {
    socket.on("echo", (x, ack) => ack(x));
    socket.on("join", (room, ack) => {
      socket.join(room);
      ack();
    });
    socket.on("leave", (room, ack) => {
      socket.leave(room);
      ack();
    });
    socket.on("publish", (room, x) => io.to(room).emit("msg", x));
  });
}
