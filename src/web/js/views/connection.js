// The state of the connection: the chip in the sidebar, and the banner when something needs to be said.
import { sayState } from '../announce.js';
import { byId, setText } from '../dom.js';
import { countOf } from '../format.js';

const CHIP = {
  connecting: 'Connecting',
  online: 'Connected',
  offline: 'Offline',
  'gave-up': 'Offline',
  replaced: 'Elsewhere',
  dismissed: 'Offline',
  'no-client': 'No live chat',
};

/** What the banner says, and what its button does. */
const BANNER = {
  offline: { title: 'Connection lost.', action: 'Try now' },
  'gave-up': { title: 'Still no connection.', action: 'Try again' },
  replaced: { title: 'In use in another tab.', text: 'This account has one live window at a time.', action: 'Use here' },
  dismissed: { title: 'The server ended the connection.', text: 'You are still signed in.', action: 'Connect again' },
  'no-client': {
    title: 'Live chat is not available.',
    text: 'This server was built without the browser client. Its operator has to build it again with npm installed.',
    action: 'Reload',
  },
};

export function createConnectionView({ store, chat }) {
  let said = '';

  store.watch(['connection', 'user'], ({ connection, user }) => {
    const { status, attempts } = connection;
    byId('connection-chip').dataset.status = status;
    setText(byId('connection-text'), CHIP[status]);
    byId('connection-chip').setAttribute('aria-label', `${CHIP[status]}. Connection log`);

    const words = BANNER[status];
    byId('banner').hidden = !words || !user;
    if (words) {
      byId('banner').dataset.status = status;
      setText(byId('banner-title'), words.title);
      setText(byId('banner-text'), words.text ?? attemptsText(status, attempts));
      setText(byId('banner-action'), words.action);
    }
    if (user) announce(status, words);
  });

  /** Says each change once; counting every attempt aloud would drown the messages. */
  function announce(status, words) {
    if (status === said) return;
    if (words) sayState(`${words.title} ${words.text ?? 'Trying to connect again.'}`);
    else if (status === 'online' && said !== '' && said !== 'connecting') sayState('Connected again.');
    said = status;
  }

  byId('banner-action').addEventListener('click', () => {
    // A module that could not be loaded is asked for again only by a new page.
    if (store.get().connection.status === 'no-client') location.reload();
    else chat.connectNow();
    byId('message').focus();
  });
}

function attemptsText(status, attempts) {
  if (status === 'gave-up') return `${countOf(attempts, 'attempt', 'attempts')} failed. What you wrote is kept.`;
  return attempts === 0 ? 'Trying again.' : `Trying again, attempt ${attempts}.`;
}
