// Starts the page: makes the parts, connects them, decides between the sign-in form and the chat.
import { onOtherTab, whoAmI } from './account.js';
import { sayMessage, toast } from './announce.js';
import { createChat } from './chat.js';
import { byId, setText } from './dom.js';
import { createEventLog } from './event-log.js';
import { createStore } from './store.js';
import { startTheme } from './theme.js';
import { createComposer } from './views/composer.js';
import { createConnectionView } from './views/connection.js';
import { createLogView } from './views/log.js';
import { createMessagesView } from './views/messages.js';
import { createPeopleView } from './views/people.js';
import { createRoomDialogs } from './views/room-dialogs.js';
import { createRoomHead } from './views/room-head.js';
import { createRoomsView } from './views/rooms.js';
import { createSignIn } from './views/sign-in.js';
import { createTitle } from './views/title.js';

/** Milliseconds between attempts to learn who is signed in. */
const BOOT_RETRY_MS = 3000;

const store = createStore();
const log = createEventLog();
const title = createTitle({ store });
const signIn = createSignIn({ onSignedIn: openChat });

const chat = createChat({
  store,
  log,
  onSignedOut: (reason) => showSignIn(reason, 'login'),
  onIncoming: (message, author) => {
    title.count();
    sayMessage(`${author}: ${message.msg}`);
  },
  onProblem: toast,
});

const parts = { store, chat, log, onProblem: toast };
createRoomsView(parts);
createRoomDialogs(parts);
createRoomHead(parts);
createMessagesView(parts);
createComposer(parts);
createPeopleView(parts);
createLogView(parts);
createConnectionView(parts);
startTheme();

byId('log-out').addEventListener('click', async () => {
  try {
    await chat.logOut();
  } catch (error) {
    toast(error.message);
  }
});

onOtherTab((userOid) => {
  // The cookie is shared by all tabs: this one would go on under a name that is no longer signed in.
  if (store.get().user && store.get().user.userOid !== userOid) location.reload();
});

function showSignIn(note, mode) {
  byId('boot').hidden = true;
  byId('app').hidden = true;
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  signIn.show(note, mode);
}

function openChat(me) {
  signIn.hide();
  byId('boot').hidden = true;
  byId('app').hidden = false;
  byId(me.room ? 'message' : 'new-room').focus();
  chat.start(me);
}

/** Asks until the server answers: somebody who is signed in must not be sent to the form because a database is away. */
async function boot() {
  try {
    const me = await whoAmI();
    if (me) openChat(me);
    else showSignIn('', 'create');
  } catch (error) {
    setText(byId('boot-text'), error.message);
    setTimeout(boot, BOOT_RETRY_MS);
  }
}

boot();
