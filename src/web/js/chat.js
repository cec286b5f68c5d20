// What can be done in the chat: rooms, messages, recovery. Ties the state, the connection and the outbox together.
import { logOut, refreshBefore, whoAmI } from './account.js';
import { request } from './api.js';
import { createOutbox } from './outbox.js';
import { CallError, createRealtime, NO_CONNECTION } from './realtime.js';
import { createTimeline } from './timeline.js';

const PAGE_SIZE = 50;
/** Pages fetched at most to close the gap that a lost connection left. */
const MAX_GAP_PAGES = 20;
/** Milliseconds until the server is asked again that was there and did not answer. */
const RETRY_MS = 3000;
/** Milliseconds that must lie between two reconnections after the server itself ended the session. */
const DISMISSAL_PAUSE_MS = 30_000;

/**
 * @param {object} parts
 * @param {ReturnType<import('./store.js').createStore>} parts.store
 * @param {ReturnType<import('./event-log.js').createEventLog>} parts.log
 * @param {(reason: string) => void} parts.onSignedOut
 * @param {(message: import('./timeline.js').Message, author: string) => void} parts.onIncoming a message of somebody else
 * @param {(text: string) => void} parts.onProblem something failed that no form shows
 */
export function createChat({ store, log, onSignedOut, onIncoming, onProblem }) {
  /** Room code -> what is known of it; kept when leaving, so that coming back is instant. */
  const timelines = new Map();
  let lastDismissal = 0;

  const realtime = createRealtime({
    log,
    onStatus: (connection) => {
      if (connection.status !== 'online') for (const timeline of timelines.values()) timeline.markGap();
      store.set({ connection });
    },
    onConnect: recover,
    onServerDisconnect,
    events: {
      MSG_TO_CLIENTS: receive,
      'room:people': (present) => store.set({ present: { roomCode: present.roomCode, people: present.people } }),
      'auth:expiring': ({ expiresAt }) => {
        log.add('auth:expiring', 'asking for a fresh token');
        refreshBefore(expiresAt);
      },
    },
  });

  const outbox = createOutbox({ send: deliver, onChange: redraw });

  function redraw() {
    store.set({ timelineVersion: store.get().timelineVersion + 1 });
  }

  function timelineOf(code) {
    if (!timelines.has(code)) timelines.set(code, createTimeline());
    return timelines.get(code);
  }

  /** The author without the "(from ROOM)" that the server's sender texts carry. */
  function authorOf(message) {
    const { room, rooms } = store.get();
    const name = rooms?.find(({ code }) => code === message.roomCode)?.name ?? room?.name;
    for (const place of [name, message.roomCode]) {
      const suffix = ` (from ${place})`;
      if (message.sender.endsWith(suffix)) return message.sender.slice(0, -suffix.length);
    }
    return message.sender.replace(/ \(from [^()]*\)$/u, '');
  }

  function absorb(timeline, messages) {
    const fresh = timeline.merge(messages);
    for (const message of fresh) {
      if (message.userOid !== store.get().user?.userOid) continue;
      const pending = outbox.claim(message);
      if (pending) timeline.link(message.id, pending.clientId);
    }
    return fresh;
  }

  function receive(payload) {
    const { user, room } = store.get();
    if (payload.id && payload.roomCode) {
      const fresh = absorb(timelineOf(payload.roomCode), [payload]);
      if (fresh.length > 0 && payload.userOid !== user?.userOid) onIncoming(payload, authorOf(payload));
      redraw();
    } else if (payload.roomCode) {
      timelineOf(payload.roomCode).addNotice(payload.msg, payload.at);
      redraw();
    } else {
      // Words to this connection alone, such as the greeting, belong to no room.
      log.add('notice', payload.msg);
    }
    if (payload.roomCode === room?.code && store.get().rooms === null) refreshRooms();
  }

  async function deliver(entry) {
    const { roomCode, msg, clientId } = entry;
    const { message } = await realtime.call('chat:message', { roomCode, msg, clientId });
    const timeline = timelineOf(roomCode);
    timeline.link(message.id, clientId);
    timeline.merge([message]);
  }

  async function flush() {
    const answered = await outbox.flush();
    // A connect flushes by itself; this is for a server that is there and did not answer.
    if (!answered && realtime.isOnline()) setTimeout(flush, RETRY_MS);
  }

  /** After every connect: learn what happened meanwhile, send what waited. */
  async function recover() {
    refreshRooms();
    try {
      const { room } = store.get();
      const me = await whoAmI();
      if (!me) return;
      // Whoever has joined another room meanwhile knows better than this answer.
      if (room === store.get().room && me.room?.code !== room?.code) setRoom(me.room);
    } catch {
      // The connection has gone again; the next connect starts over.
      return;
    }
    await Promise.all([catchUp(), flush()]);
  }

  /** Fetches the newest messages of the current room, back to what was known before the gap. */
  async function catchUp() {
    const { room } = store.get();
    if (!room) return;
    const timeline = timelineOf(room.code);
    store.set({ loadingHistory: true });
    try {
      const first = timeline.older === undefined;
      const missed = [];
      let before;
      let oldest;
      let reached = first;
      for (let page = 0; page < MAX_GAP_PAGES; page += 1) {
        const { messages, next } = await realtime.call('chat:history', { roomCode: room.code, before, limit: PAGE_SIZE });
        missed.push(...messages);
        before = next;
        oldest = messages[0]?.id;
        reached ||= next === null || timeline.reaches(messages);
        if (reached) break;
      }
      timeline.closeGap(reached ? undefined : oldest);
      if (first || !reached) timeline.older = before;
      absorb(timeline, missed);
    } catch (error) {
      if (error.refused) onProblem(error.message);
      else if (realtime.isOnline()) setTimeout(catchUp, RETRY_MS);
    } finally {
      store.set({ loadingHistory: false });
      redraw();
    }
  }

  async function onServerDisconnect() {
    let me;
    try {
      me = await whoAmI();
    } catch {
      // The server went away while it was saying goodbye: try until it is back.
      realtime.connectNow();
      return;
    }
    if (!me) {
      signedOut('Your session has ended. Sign in again to go on.');
    } else if (Date.now() - lastDismissal > DISMISSAL_PAUSE_MS) {
      lastDismissal = Date.now();
      realtime.connectNow();
    } else {
      realtime.dismissed();
    }
  }

  function signedOut(reason) {
    realtime.stop();
    outbox.close();
    timelines.clear();
    store.reset();
    onSignedOut(reason);
  }

  /** Runs an HTTP request; a session that has ended leads to the sign-in form. */
  async function ask(...args) {
    try {
      return await request(...args);
    } catch (error) {
      if (error.status === 401) signedOut('Your session has ended. Sign in again to go on.');
      throw error;
    }
  }

  async function refreshRooms() {
    try {
      const { rooms } = await ask('GET', '/chat/rooms');
      store.set({ rooms });
    } catch (error) {
      if (realtime.isOnline()) onProblem(error.message);
    }
  }

  function setRoom(room) {
    const left = store.get().room;
    // A room is heard only from inside.
    if (left && left.code !== room?.code) timelineOf(left.code).markGap();
    store.set({ room: room && { code: room.code, name: room.name || room.code }, screen: room ? 'room' : 'rooms' });
    if (room) timelineOf(room.code);
  }

  async function join(code) {
    if (store.get().room?.code === code) {
      store.set({ screen: 'room' });
      return;
    }
    const result = await realtime.call('chat:join', { roomCode: code });
    const name = result.room?.name ?? store.get().rooms?.find((room) => room.code === code)?.name;
    setRoom({ code, name });
    refreshRooms();
    await Promise.all([catchUp(), flush()]);
  }

  return {
    join,
    refreshRooms,
    connectNow: realtime.connectNow,

    /** Starts the chat of a signed-in user, in the room they were in. */
    start({ user, room }) {
      store.set({ user });
      outbox.open(user.userOid);
      setRoom(room);
      return realtime.start();
    },

    async create(roomName) {
      // Checked first, so that a room is not opened twice because it could not be entered.
      if (!realtime.isOnline()) throw new CallError(NO_CONNECTION, false);
      const { newRoom } = await ask('POST', '/chat/create-room', { roomName });
      await join(newRoom.code);
    },

    /** Ends the session here and on the server. */
    async logOut() {
      // The server ends the socket of a revoked token; going first avoids asking why.
      realtime.stop();
      try {
        await logOut();
      } catch (error) {
        realtime.start();
        throw error;
      }
      signedOut('');
    },

    async leave() {
      await realtime.call('chat:leave', {});
      setRoom(null);
      refreshRooms();
    },

    send(msg) {
      outbox.add(store.get().room.code, msg);
      if (realtime.isOnline()) flush();
    },

    retry(clientId) {
      outbox.retry(clientId);
      if (realtime.isOnline()) flush();
    },

    discard: outbox.discard,

    /** Fetches the page before the oldest message that is shown. */
    async loadOlder() {
      const { room, loadingHistory } = store.get();
      const timeline = room && timelineOf(room.code);
      if (!timeline?.older || loadingHistory) return;
      store.set({ loadingHistory: true });
      try {
        const { messages, next } = await realtime.call('chat:history', { roomCode: room.code, before: timeline.older, limit: PAGE_SIZE });
        timeline.older = next;
        timeline.merge(messages);
      } catch (error) {
        onProblem(error.message);
      } finally {
        store.set({ loadingHistory: false });
        redraw();
      }
    },

    /** The rows of the current room, oldest first. */
    rows() {
      const { room, user } = store.get();
      return room && user ? timelineOf(room.code).rows(outbox.visible(room.code), user, authorOf) : [];
    },

    /** `undefined` until the first page of history has come, then whether there is an older one. */
    hasOlder() {
      const { room } = store.get();
      const older = room ? timelineOf(room.code).older : undefined;
      return older === undefined ? undefined : older !== null;
    },
  };
}
