// Messages on their way: kept until the server has acknowledged them, across lost connections and reloads.
// Each has a `clientId` that is never reused, so that the server stores a repeated message once.

/**
 * @typedef {object} Pending
 * @property {string} clientId
 * @property {string} roomCode
 * @property {string} msg
 * @property {number} at
 * @property {import('./timeline.js').Delivery} delivery
 * @property {boolean} attempted whether it may have reached the server
 * @property {string} error why it failed; empty otherwise
 * @property {string} storedAs the id of the stored message that this one looks to be; empty if none has been seen
 */

/** @param {{send: (entry: Pending) => Promise<void>, onChange: () => void}} hooks */
export function createOutbox({ send, onChange }) {
  /** @type {Pending[]} */
  let entries = [];
  let storageKey = '';
  let running = false;

  function changed() {
    try {
      if (storageKey) sessionStorage.setItem(storageKey, JSON.stringify(entries));
    } catch {
      // Without storage the messages live as long as the page.
    }
    onChange();
  }

  function update(clientId, part) {
    entries = entries.map((entry) => (entry.clientId === clientId ? { ...entry, ...part } : entry));
    changed();
  }

  return {
    /** Takes up what an earlier load of this tab left unsent. */
    open(userOid) {
      storageKey = `roomcast.outbox.${userOid}`;
      try {
        entries = JSON.parse(sessionStorage.getItem(storageKey) ?? '[]');
      } catch {
        entries = [];
      }
      entries = entries.map((entry) => (entry.delivery === 'sending' ? { ...entry, delivery: 'waiting' } : entry));
      onChange();
    },

    close() {
      storageKey = '';
      entries = [];
    },

    /** The pending messages of a room that are not yet visible as stored ones. */
    visible: (roomCode) => entries.filter((entry) => entry.roomCode === roomCode && !entry.storedAs),

    add(roomCode, msg) {
      entries = [
        ...entries,
        { clientId: newClientId(), roomCode, msg, at: Date.now(), delivery: 'waiting', attempted: false, error: '', storedAs: '' },
      ];
      changed();
    },

    /**
     * Recognises an own message that comes back from the server before its acknowledgement.
     * Gives back the pending message it belongs to, which is hidden from then on.
     */
    claim(message) {
      const entry = entries.find(
        (one) => one.attempted && !one.storedAs && one.roomCode === message.roomCode && one.msg === message.msg,
      );
      if (entry) update(entry.clientId, { storedAs: message.id });
      return entry;
    },

    /** Sends what waits, in order, one after the other. Gives back whether everything was answered. */
    async flush() {
      if (running) return true;
      running = true;
      try {
        for (;;) {
          const entry = entries.find(({ delivery }) => delivery === 'waiting');
          if (!entry) return true;
          update(entry.clientId, { delivery: 'sending', attempted: true, error: '' });
          try {
            await send(entry);
            entries = entries.filter(({ clientId }) => clientId !== entry.clientId);
            changed();
          } catch (error) {
            update(entry.clientId, error.refused
              ? { delivery: 'failed', error: error.message, storedAs: '' }
              : { delivery: 'waiting' });
            // Without an answer the connection is at fault, not the message: the next connect tries again.
            if (!error.refused) return false;
          }
        }
      } finally {
        running = false;
      }
    },

    /** Lets a refused message wait for the next flush. */
    retry(clientId) {
      update(clientId, { delivery: 'waiting', error: '' });
    },

    discard(clientId) {
      entries = entries.filter((entry) => entry.clientId !== clientId);
      changed();
    },
  };
}

/** `crypto.randomUUID` exists only in secure contexts; plain http in a local network is not one. */
function newClientId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
