// One room's messages and notices, merged by id, and the rows that a view shows. No DOM, no IO.
import { dayKey } from './format.js';

/** A pause in milliseconds after which the same author's next message starts a new group. */
const GROUP_PAUSE_MS = 5 * 60 * 1000;

/**
 * @typedef {{id: string, roomCode: string, userOid: string, sender: string, msg: string, at: number}} Message
 * @typedef {{key: string, msg: string, at: number}} Notice
 * @typedef {'waiting' | 'sending' | 'failed' | 'sent'} Delivery
 *
 * @typedef {object} Row
 * @property {string} key
 * @property {'day' | 'notice' | 'message'} type
 * @property {number} at
 * @property {string} [text]
 * @property {string} [userOid]
 * @property {string} [author]
 * @property {boolean} [mine]
 * @property {boolean} [first] first of its group: shows the author
 * @property {boolean} [last] last of its group
 * @property {Delivery} [delivery]
 * @property {string} [error]
 * @property {string} [clientId]
 */

export function createTimeline() {
  /** @type {Message[]} sorted by id, which grows with time */
  let messages = [];
  let known = new Set();
  /** @type {Notice[]} */
  let notices = [];
  let noticeSerial = 0;
  /** The newest message before a gap; `undefined` while nothing can be missing. */
  let edge;
  /** Message id -> clientId and back, for messages that this page sent: their row keeps its element. */
  const sentAs = new Map();
  const storedAs = new Map();

  return {
    /** The cursor of the next older page; `undefined` until the first page has come, `null` at the beginning. */
    older: undefined,

    /** Remembers that messages may be missed from now on. An older gap that is still open stays what it is. */
    markGap() {
      if (this.older !== undefined) edge ??= messages.at(-1)?.id ?? '';
    },

    /** Whether these messages, fetched from the newest backwards, reach what was known before the gap. */
    reaches: (fetched) => edge === undefined || fetched.some(({ id }) => id <= edge),

    /**
     * Ends the gap. With `from`, the gap was too wide to be filled: what is older than `from` is forgotten,
     * to be loaded again from there.
     */
    closeGap(from) {
      edge = undefined;
      if (from === undefined) return;
      messages = messages.filter(({ id }) => id >= from);
      known = new Set(messages.map(({ id }) => id));
      notices = [];
    },

    /**
     * Adds messages that are not there yet and gives those back.
     * @param {Message[]} incoming
     */
    merge(incoming) {
      const fresh = incoming.filter(({ id }) => !known.has(id));
      if (fresh.length === 0) return fresh;
      for (const { id } of fresh) known.add(id);
      messages = [...messages, ...fresh].sort((a, b) => (a.id < b.id ? -1 : 1));
      return fresh;
    },

    /** Remembers that the message `id` is the one sent as `clientId`. */
    link(id, clientId) {
      // An earlier guess may have been wrong; two rows must never share one element.
      sentAs.delete(storedAs.get(clientId));
      storedAs.set(clientId, id);
      sentAs.set(id, clientId);
    },

    addNotice(msg, at) {
      const newest = messages.at(-1);
      noticeSerial += 1;
      // Without a time of its own a notice belongs right after what was known when it came.
      notices.push({ key: `notice-${noticeSerial}`, msg, at: at ?? newest?.at ?? Date.now() });
    },

    /**
     * @param {import('./outbox.js').Pending[]} pending
     * @param {import('./store.js').User} me
     * @param {(message: Message) => string} nameOf
     * @returns {Row[]}
     */
    rows(pending, me, nameOf) {
      const items = interleave(messages, notices).map((item) => toRow(item, me, nameOf, sentAs));
      const newestAt = messages.at(-1)?.at ?? 0;
      for (const entry of pending) {
        items.push({
          key: entry.clientId,
          type: 'message',
          // Pending messages stand at the end, whatever the two clocks say.
          at: Math.max(entry.at, newestAt),
          text: entry.msg,
          userOid: me.userOid,
          author: me.name,
          mine: true,
          delivery: entry.delivery,
          error: entry.error,
          clientId: entry.clientId,
        });
      }
      return withGroups(withDays(items));
    },
  };
}

function interleave(messages, notices) {
  const items = [];
  const waiting = [...notices].sort((a, b) => a.at - b.at);
  for (const message of messages) {
    while (waiting.length > 0 && waiting[0].at < message.at) items.push(waiting.shift());
    items.push(message);
  }
  return [...items, ...waiting];
}

function toRow(item, me, nameOf, sentAs) {
  if (!('id' in item)) return { key: item.key, type: 'notice', at: item.at, text: item.msg };
  const mine = item.userOid === me.userOid;
  return {
    key: sentAs.get(item.id) ?? item.id,
    type: 'message',
    at: item.at,
    text: item.msg,
    userOid: item.userOid,
    author: nameOf(item),
    mine,
    delivery: mine ? 'sent' : undefined,
  };
}

function withDays(items) {
  const seen = new Set();
  return items.flatMap((item) => {
    const key = `day-${dayKey(item.at)}`;
    if (seen.has(key)) return [item];
    seen.add(key);
    return [{ key, type: 'day', at: item.at }, item];
  });
}

function withGroups(rows) {
  const sameGroup = (a, b) =>
    a?.type === 'message' && b?.type === 'message' && a.userOid === b.userOid && Math.abs(b.at - a.at) < GROUP_PAUSE_MS;
  return rows.map((row, index) =>
    row.type === 'message'
      ? { ...row, first: !sameGroup(rows[index - 1], row), last: !sameGroup(row, rows[index + 1]) }
      : row,
  );
}
