// roomcast and a mongoose back end on one MongoDB database, each working with the documents of the other.
//
// Starts both itself: the program (ROOMCAST_BIN), and a server for the MongoDB protocol (SECANTUSD_BIN, or the one at
// DB_URL). The models `User` and `Room` are stored in the collections `users` and `rooms`, as mongoose has it.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";

import bcrypt from "bcryptjs";
import mongoose from "mongoose";

import { Mongo, Roomcast, freshEmail } from "./support/roomcast.mjs";

// Fewer than a service would use: the hashes only have to be verifiable, and tests wait for them.
const BCRYPT_ROUNDS = 4;

const User = mongoose.model(
  "User",
  new mongoose.Schema(
    {
      name: { type: String, required: true },
      email: { type: String, required: true, unique: true },
      passwordHash: { type: String, required: true },
    },
    { timestamps: { createdAt: "created_at", updatedAt: "updated_at" }, strict: "throw" },
  ),
);

const Room = mongoose.model(
  "Room",
  new mongoose.Schema(
    {
      code: { type: String, required: true, unique: true },
      hostUserOid: { type: String, required: true },
      active: { type: Boolean, required: true },
      name: { type: String, required: true },
      members: [{ userOid: { type: String, required: true } }],
    },
    { timestamps: true, strict: "throw" },
  ),
);

const store = new Mongo();
let roomcast;

before(async () => {
  await store.start();
  roomcast = await Roomcast.start(store);
  await mongoose.connect(roomcast.place.env.DB_URL, { serverSelectionTimeoutMS: 5_000 });
  // mongoose's own unique indexes must be able to stand beside roomcast's.
  await Promise.all([User.init(), Room.init()]);
});

after(async () => {
  await mongoose.disconnect();
  await roomcast?.kill();
  await store.close();
});

/** Sends a request as a program without a browser would, and answers the status and the JSON body. */
async function request(method, path, { token, body } = {}) {
  const response = await fetch(new URL(path, roomcast.url), {
    method,
    headers: {
      ...(body && { "content-type": "application/json" }),
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: body && JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

/** Sends a request that must succeed and answers its result. */
async function succeed(method, path, options) {
  const { status, body } = await request(method, path, options);
  assert.equal(body.success, true, `${method} ${path}: ${status} ${JSON.stringify(body)}`);
  return body.result;
}

/** Creates an account at roomcast and answers its token and id. */
async function signUp(name) {
  const email = freshEmail();
  const body = { email, name, password: "correct horse", returnToken: true };
  const { token } = await succeed("POST", "/user/create", { body });
  const { user } = await succeed("GET", "/auth/me", { token });
  return { email, token, userOid: user.userOid };
}

/** Creates an account by mongoose, as an Express back end would. */
function mongooseUser(name, password) {
  return User.create({ name, email: freshEmail(), passwordHash: bcrypt.hashSync(password, BCRYPT_ROUNDS) });
}

/** Asserts that the stored document has these fields in any order and no others. */
async function assertFields(Model, id, fields) {
  const stored = await Model.collection.findOne({ _id: id });
  assert.deepEqual(Object.keys(stored).sort(), [...fields].sort());
  return stored;
}

test("the models and roomcast mean the same collections", async () => {
  assert.deepEqual([User.collection.name, Room.collection.name], ["users", "rooms"]);
  const { email, userOid } = await signUp("Cora");
  assert.equal((await mongoose.connection.collection("users").findOne({ email }))._id.toString(), userOid);
});

test("an account made by mongoose logs in at roomcast, in any spelling of its address", async () => {
  const made = await mongooseUser("Mona", "s3cret, s3cret");
  for (const email of [made.email, made.email.toUpperCase()]) {
    const body = { email, password: "s3cret, s3cret", returnToken: true };
    const { token } = await succeed("POST", "/auth/login", { body });
    const { user } = await succeed("GET", "/auth/me", { token });
    assert.deepEqual(user, { userOid: made.id, name: "Mona", email: made.email });
  }
  const wrong = await request("POST", "/auth/login", { body: { email: made.email, password: "not this one" } });
  assert.equal(wrong.body.success, false);
  assert.equal(wrong.status, 401);
});

test("an address that mongoose has given away cannot be taken at roomcast", async () => {
  const made = await mongooseUser("Taken", "whatever it is");
  const body = { email: made.email.toUpperCase(), name: "Thief", password: "correct horse" };
  const refused = await request("POST", "/user/create", { body });
  assert.equal(refused.body.success, false);
  assert.ok(refused.status >= 400 && refused.status < 500, `status ${refused.status}`);
  assert.equal(await User.countDocuments({ name: "Thief" }), 0);
});

test("a room made by mongoose is joined over HTTP and remembers its new member", async () => {
  const host = await mongooseUser("Host", "s3cret, s3cret");
  const code = `m${randomBytes(5).toString("hex")}`;
  const made = await Room.create({
    code,
    hostUserOid: host.id,
    active: true,
    name: "Made by mongoose",
    members: [{ userOid: host.id }],
  });
  const guest = await signUp("Guest");
  await succeed("POST", `/chat/join-room/${code}`, { token: guest.token });
  const { message } = await succeed("POST", "/chat/message", {
    token: guest.token,
    body: { roomCode: code, msg: "hello from roomcast" },
  });
  assert.equal(message.userOid, guest.userOid);

  const stored = await Room.findOne({ code });
  assert.deepEqual(stored.members.map((member) => member.userOid), [host.id, guest.userOid]);
  assert.ok(stored.updatedAt > made.updatedAt, "updatedAt must grow when a member joins");
  // A second joining must not add the member again.
  await succeed("POST", `/chat/join-room/${code}`, { token: guest.token });
  assert.equal((await Room.findOne({ code })).members.length, 2);
});

test("a room that mongoose has closed cannot be joined", async () => {
  const guest = await signUp("Late");
  const code = `c${randomBytes(5).toString("hex")}`;
  await Room.create({ code, hostUserOid: guest.userOid, active: false, name: "Closed", members: [] });
  const refused = await request("POST", `/chat/join-room/${code}`, { token: guest.token });
  assert.equal(refused.status, 404);
  assert.equal(refused.body.errorMessage, `No room of code ${code} exists`);
});

test("an account made by roomcast is loaded, validated, verified and saved by mongoose", async () => {
  const made = await signUp("Rhea");
  const user = await User.findById(made.userOid);
  assert.equal(user.email, made.email);
  assert.ok(bcrypt.compareSync("correct horse", user.passwordHash));
  assert.ok(user.created_at instanceof Date && user.updated_at instanceof Date);
  await user.validate();
  await assertFields(User, user._id, ["_id", "name", "email", "passwordHash", "created_at", "updated_at", "__v"]);

  user.name = "Rhea the Second";
  await user.save();
  const { user: seen } = await succeed("GET", "/auth/me", { token: await tokenOf(made.email) });
  assert.equal(seen.name, "Rhea the Second");
});

test("a room made by roomcast is loaded, validated, changed and saved by mongoose", async () => {
  const host = await signUp("Hera");
  const body = { roomName: "Made by roomcast" };
  const { newRoom } = await succeed("POST", "/chat/create-room", { token: host.token, body });
  const room = await Room.findOne({ code: newRoom.code });
  assert.equal(room.name, "Made by roomcast");
  assert.equal(room.hostUserOid, host.userOid);
  assert.equal(room.active, true);
  await room.validate();
  const fields = ["_id", "code", "hostUserOid", "active", "name", "members", "createdAt", "updatedAt", "__v"];
  const stored = await assertFields(Room, room._id, fields);
  assert.deepEqual(Object.keys(stored.members[0]).sort(), ["_id", "userOid"]);

  const guest = await mongooseUser("Gaia", "s3cret, s3cret");
  room.members.push({ userOid: guest.id });
  await room.save();
  const token = await tokenOf(guest.email, "s3cret, s3cret");
  // A member, added by mongoose, reads history without ever having joined at roomcast.
  const { messages } = await succeed("GET", `/chat/messages/${newRoom.code}`, { token });
  assert.deepEqual(messages, []);
});

/** Logs in and answers the token. */
async function tokenOf(email, password = "correct horse") {
  const { token } = await succeed("POST", "/auth/login", { body: { email, password, returnToken: true } });
  return token;
}
