// The field in which messages are written: drafts per room, the length limit, what the keys do.
import { byId, setText } from '../dom.js';

/** The server's default limit in characters; it has the last word. */
const MAX_CHARS = 4000;
/** Characters from which on the count is shown. */
const COUNT_FROM = 3500;
/** Lines up to which the field grows where CSS cannot do it. */
const MAX_LINES = 6;

export function createComposer({ store, chat }) {
  const field = byId('message');
  const drafts = new Map();
  let room = '';

  const length = () => [...field.value].length;
  const tooLong = () => length() > MAX_CHARS;

  function draw() {
    const count = length();
    const { connection } = store.get();
    const blocked = connection.status === 'replaced' || connection.status === 'no-client';
    field.rows = Math.min(MAX_LINES, field.value.split('\n').length);
    field.disabled = blocked;
    byId('send').disabled = blocked || field.value.trim() === '' || tooLong();
    byId('composer').dataset.tooLong = String(tooLong());
    field.setAttribute('aria-invalid', String(tooLong()));
    setText(byId('composer-count'), count >= COUNT_FROM ? `${count} of ${MAX_CHARS}` : '');
    setText(byId('composer-hint'), hint(connection.status));
  }

  function hint(status) {
    if (tooLong()) return 'Too long for one message: shorten or split it';
    if (status === 'online') return 'Enter sends, Shift + Enter starts a new line';
    if (status === 'replaced') return 'roomcast is in use in another tab';
    if (status === 'no-client') return 'Live chat is not available';
    return 'Messages wait until the connection is back';
  }

  function send() {
    if (byId('send').disabled) return;
    chat.send(field.value.trim());
    field.value = '';
    draw();
  }

  byId('composer').addEventListener('submit', (event) => {
    event.preventDefault();
    send();
    field.focus();
  });
  field.addEventListener('input', draw);
  field.addEventListener('keydown', (event) => {
    // During composition Enter accepts the suggested characters.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });

  store.watch(['room', 'connection'], (state) => {
    const code = state.room?.code ?? '';
    if (code !== room) {
      drafts.set(room, field.value);
      field.value = drafts.get(code) ?? '';
      room = code;
    }
    draw();
  });
}
