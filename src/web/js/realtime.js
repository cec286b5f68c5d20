// The live connection: the official Socket.IO client, its life told as a status and a log.

const CLIENT_URL = '/socket.io/socket.io.esm.min.js';
/** Milliseconds to wait for an answer to a call. */
const ACK_TIMEOUT_MS = 8000;
const RECONNECTION = { reconnectionDelay: 500, reconnectionDelayMax: 5000, randomizationFactor: 0.4, reconnectionAttempts: 120 };

export const NO_CONNECTION = 'There is no connection to the server right now.';

/** A call that the server refused (`refused`) or that got no answer. */
export class CallError extends Error {
  constructor(message, refused) {
    super(message);
    this.refused = refused;
  }
}

/**
 * @param {object} hooks
 * @param {ReturnType<import('./event-log.js').createEventLog>} hooks.log
 * @param {(connection: import('./store.js').Connection) => void} hooks.onStatus
 * @param {() => void} hooks.onConnect
 * @param {() => void} hooks.onServerDisconnect the server ended the session and will not be asked again
 * @param {Record<string, (payload: any) => void>} hooks.events
 */
export function createRealtime({ log, onStatus, onConnect, onServerDisconnect, events }) {
  let socket = null;
  let replaced = false;
  let attempts = 0;

  const status = (name) => onStatus({ status: name, attempts });

  function follow(manager) {
    // The manager counts from one again after "try now"; the reader's count goes on.
    manager.on('reconnect_attempt', (number) => {
      attempts += 1;
      log.add('reconnect_attempt', `attempt ${attempts}${number === attempts ? '' : ` (${number} since the last start)`}`);
      status('offline');
    });
    manager.on('reconnect_error', (error) => log.add('reconnect_error', error.message, 'bad'));
    manager.on('reconnect_failed', () => {
      log.add('reconnect_failed', `gave up after ${attempts} attempts`, 'bad');
      status('gave-up');
    });
    manager.on('reconnect', (number) => log.add('reconnect', `after ${number} ${number === 1 ? 'attempt' : 'attempts'}`, 'good'));
    manager.on('open', () => {
      manager.engine.once('upgrade', (transport) => log.add('upgrade', `now over ${transport.name}`));
    });
  }

  function listen() {
    socket.on('connect', () => {
      attempts = 0;
      log.add('connect', `id ${socket.id}, over ${socket.io.engine.transport.name}`, 'good');
      status('online');
      onConnect();
    });
    socket.on('disconnect', (reason) => {
      log.add('disconnect', `(${reason})`, reason === 'io client disconnect' ? 'plain' : 'bad');
      if (reason === 'io client disconnect') return;
      if (replaced) status('replaced');
      else status('offline');
      if (reason === 'io server disconnect' && !replaced) onServerDisconnect();
    });
    socket.on('connect_error', (error) => {
      log.add('connect_error', error.message, 'bad');
      // An inactive socket was refused by the server itself; one that is active will try again.
      if (socket.active) status('offline');
      else onServerDisconnect();
    });
    socket.on('session:replaced', () => {
      replaced = true;
      log.add('session:replaced', 'another tab or device has taken over', 'bad');
    });
    for (const [event, run] of Object.entries(events)) socket.on(event, run);
  }

  return {
    isOnline: () => socket?.connected === true,

    /** Loads the client and connects. */
    async start() {
      status('connecting');
      let client;
      try {
        client = await import(CLIENT_URL);
      } catch (error) {
        log.add('client missing', error.message, 'bad');
        status('no-client');
        return;
      }
      socket = client.io({ autoConnect: false, forceNew: true, ...RECONNECTION });
      replaced = false;
      attempts = 0;
      follow(socket.io);
      listen();
      socket.connect();
    },

    stop() {
      socket?.disconnect();
      socket?.off();
      socket?.io.off();
      socket = null;
    },

    /** Connects again at once: after a takeover, after giving up, or because the reader asked. */
    connectNow() {
      if (!socket || socket.connected) return;
      replaced = false;
      status(attempts > 0 ? 'offline' : 'connecting');
      // Disconnecting an unconnected socket only clears the pending timer.
      socket.disconnect();
      socket.connect();
    },

    /** Says that the server does not want this session although its token is good. */
    dismissed: () => status('dismissed'),

    /**
     * Calls the server and gives back the `result` of its acknowledgement.
     * @throws {CallError}
     */
    async call(event, payload) {
      if (!socket?.connected) throw new CallError(NO_CONNECTION, false);
      let answer;
      try {
        answer = await socket.timeout(ACK_TIMEOUT_MS).emitWithAck(event, payload);
      } catch {
        throw new CallError('The server has not answered.', false);
      }
      if (answer?.success) return answer.result ?? {};
      throw new CallError(answer?.errorMessage ?? 'The server refused without a reason.', true);
    },
  };
}
