// What happened to the connection, newest last, bounded.

/** Entries that are kept; a night of failed attempts must not fill the memory. */
const MAX_ENTRIES = 400;

/** @typedef {{key: string, at: number, event: string, detail: string, tone: 'good' | 'bad' | 'plain'}} LogEntry */

export function createEventLog() {
  /** @type {LogEntry[]} */
  let entries = [];
  let serial = 0;
  let listener = () => {};

  return {
    entries: () => entries,

    /** @param {LogEntry['tone']} tone */
    add(event, detail = '', tone = 'plain') {
      serial += 1;
      entries = [...entries, { key: String(serial), at: Date.now(), event, detail, tone }].slice(-MAX_ENTRIES);
      listener();
    },

    /** Runs `run` after each new entry. */
    onChange(run) {
      listener = run;
    },
  };
}
