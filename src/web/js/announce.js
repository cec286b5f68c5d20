// Words for people who hear the page: new messages, changes of state; and short toasts for everybody.
import { byId } from './dom.js';

/** Milliseconds that a toast stays. */
const TOAST_MS = 6000;

/** Says something to screen readers without showing it. */
function say(id, text) {
  const line = document.createElement('p');
  line.textContent = text;
  // One line at a time: a long log would be read again from its beginning.
  byId(id).replaceChildren(line);
}

export const sayMessage = (text) => say('live-messages', text);
export const sayState = (text) => say('live-state', text);

/** Shows a short text that goes by itself. */
export function toast(text) {
  const line = document.createElement('p');
  line.className = 'toast';
  line.textContent = text;
  byId('toasts').replaceChildren(line);
  setTimeout(() => line.remove(), TOAST_MS);
}
