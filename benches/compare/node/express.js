// A chat back end as it is usually made of Express, socket.io and mongoose: the part that `loadtest chat` speaks to.

import { createServer } from "node:http";
import { randomBytes } from "node:crypto";
import bcrypt from "bcryptjs";
import cookieParser from "cookie-parser";
import express from "express";
import jwt from "jsonwebtoken";
import mongoose from "mongoose";
import { Server } from "socket.io";

const SECRET = process.env.JWT_SECRET;
const { Schema, model } = mongoose;

const User = model("User", new Schema({ email: { type: String, unique: true }, name: String, password: String }));
const Room = model("Room", new Schema({ code: { type: String, unique: true }, name: String, members: [String] }));
const Message = model(
  "Message",
  new Schema({ roomCode: { type: String, index: true }, userOid: String, sender: String, msg: String, at: Number }),
);

const app = express();
app.use(express.json());
app.use(cookieParser());

const signedIn = (request, response, next) => {
  try {
    request.user = jwt.verify(request.cookies.token, SECRET);
    next();
  } catch {
    response.status(401).json({ success: false, errorMessage: "You are not logged in" });
  }
};

const welcome = (response, user) => {
  const token = jwt.sign({ userOid: user.id, name: user.name }, SECRET, { expiresIn: "1h" });
  response.cookie("token", token, { httpOnly: true, sameSite: "none", secure: true });
  response.json({ success: true, result: { user: { userOid: user.id, name: user.name, email: user.email } } });
};

app.post("/user/create", async (request, response) => {
  const { email, name, password } = request.body;
  if (await User.exists({ email })) {
    return response.status(409).json({ success: false, errorMessage: "User already exists" });
  }
  welcome(response, await User.create({ email, name, password: await bcrypt.hash(password, 4) }));
});

app.post("/auth/login", async (request, response) => {
  const user = await User.findOne({ email: request.body.email });
  if (!user || !(await bcrypt.compare(request.body.password, user.password))) {
    return response.status(401).json({ success: false, errorMessage: "Wrong e-mail or password" });
  }
  welcome(response, user);
});

app.post("/chat/create-room", signedIn, async (request, response) => {
  const code = randomBytes(5).toString("hex");
  const newRoom = await Room.create({ code, name: request.body.roomName, members: [request.user.userOid] });
  response.json({ success: true, result: { newRoom } });
});

const http = createServer(app);
const io = new Server(http, { serveClient: false });

// Stores a message, and tells the room.
const post = async (user, { roomCode, msg }) => {
  const room = await Room.findOne({ code: roomCode, members: user.userOid }).lean();
  if (!room) {
    return { success: false, errorMessage: `You are not in room ${roomCode}` };
  }
  const sender = `${user.name} (from ${room.name})`;
  const message = await Message.create({ roomCode, userOid: user.userOid, sender, msg, at: Date.now() });
  const result = { message: { id: message.id, roomCode, userOid: user.userOid, sender, msg, at: message.at } };
  io.to(roomCode).emit("MSG_TO_CLIENTS", result.message);
  return { success: true, result };
};

app.post("/chat/message", signedIn, async (request, response) => {
  response.json(await post(request.user, request.body));
});

io.use((socket, next) => {
  try {
    const token = /(?:^|; )token=([^;]*)/.exec(socket.handshake.headers.cookie)[1];
    socket.data.user = jwt.verify(token, SECRET);
    next();
  } catch {
    next(new Error("You are not logged in"));
  }
});

io.on("connection", (socket) => {
  const { user } = socket.data;
  socket.on("chat:join", async ({ roomCode }, ack) => {
    await Room.updateOne({ code: roomCode }, { $addToSet: { members: user.userOid } });
    socket.join(roomCode);
    ack({ success: true });
  });
  socket.on("chat:message", async (input, ack) => ack(await post(user, input)));
});

await mongoose.connect(process.env.DB_URL);
await Promise.all([User.init(), Room.init(), Message.init()]);
http.listen({ host: "127.0.0.1", port: process.env.PORT, backlog: 4096 }, () => console.log("listening"));
