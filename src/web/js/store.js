// The page's state in one place: views read it, `chat.js` and `account.js` change it.

/**
 * @typedef {{userOid: string, name: string, email: string}} User
 * @typedef {{userOid: string, name: string}} Person
 * @typedef {{code: string, name: string}} CurrentRoom
 * @typedef {{code: string, name: string, hostUserOid: string, active: boolean, member: boolean, hostUser?: {name?: string}}} Room
 *
 * @typedef {'connecting' | 'online' | 'offline' | 'gave-up' | 'replaced' | 'dismissed' | 'no-client'} Status
 * `offline` means that attempts go on by themselves; `gave-up`, `replaced` and `dismissed` wait for the reader.
 * @typedef {{status: Status, attempts: number}} Connection
 *
 * @typedef {object} State
 * @property {User | null} user
 * @property {Connection} connection
 * @property {Room[] | null} rooms `null` until the list has come
 * @property {CurrentRoom | null} room
 * @property {{roomCode: string, people: Person[]}} present who is where, as the server told last
 * @property {'rooms' | 'room'} screen which half a phone shows
 * @property {number} timelineVersion grows when messages, notices or pending messages change
 * @property {boolean} loadingHistory
 */

/** @returns {State} */
const initialState = () => ({
  user: null,
  connection: { status: 'connecting', attempts: 0 },
  rooms: null,
  room: null,
  present: { roomCode: '', people: [] },
  screen: 'rooms',
  timelineVersion: 0,
  loadingHistory: false,
});

/** Makes a store: `get`, `set` a part, and `watch` some keys. */
export function createStore() {
  let state = initialState();
  const watchers = [];

  const notify = (changed) => {
    for (const { keys, run } of watchers) if (keys.some((key) => changed.has(key))) run(state);
  };

  return {
    get: () => state,

    /** @param {Partial<State>} part */
    set(part) {
      const changed = new Set(Object.keys(part).filter((key) => !Object.is(state[key], part[key])));
      state = { ...state, ...part };
      if (changed.size > 0) notify(changed);
    },

    /** Runs `run` now and whenever one of `keys` changes. */
    watch(keys, run) {
      watchers.push({ keys, run });
      run(state);
    },

    reset() {
      this.set(initialState());
    },
  };
}
