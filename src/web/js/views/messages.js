// The messages of the open room: rows, scrolling, loading older ones.
import { byId, fillTile, fromTemplate, icon, reconcile, setText } from '../dom.js';
import { countOf, dayName, fullTime, timeOf } from '../format.js';

/** Pixels from the end within which the list follows new messages. */
const NEAR_END_PX = 80;
/** Pixels from the start at which older messages are fetched. */
const NEAR_START_PX = 240;

const DELIVERY = {
  waiting: { icon: 'clock', text: 'Waiting for the connection' },
  sending: { icon: 'clock', text: 'Sending' },
  failed: { icon: 'alert', text: 'Not sent' },
  sent: { icon: 'check', text: 'Sent' },
};

export function createMessagesView({ store, chat }) {
  const box = byId('timeline');
  const list = byId('messages');
  let shownRoom = '';
  let following = true;
  let unseen = 0;
  let newestKey = '';

  const distanceToEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight;

  function toEnd() {
    box.scrollTop = box.scrollHeight;
  }

  function firstInView() {
    const top = box.getBoundingClientRect().top;
    return [...list.querySelectorAll('.message')].find((row) => row.getBoundingClientRect().bottom > top);
  }

  function draw({ room, loadingHistory }) {
    if (!room) return;
    if (room.code !== shownRoom) {
      shownRoom = room.code;
      following = true;
      unseen = 0;
      newestKey = '';
    }
    const rows = chat.rows();
    const anchor = following ? undefined : firstInView();
    const was = anchor?.offsetTop ?? 0;
    reconcile(list, rows, createRow, updateRow);
    if (following) toEnd();
    // Rows that came in above must not push away what is being read.
    else if (anchor) box.scrollTop += anchor.offsetTop - was;

    countUnseen(rows);
    const older = chat.hasOlder();
    const speech = rows.some(({ type }) => type === 'message');
    byId('load-older').hidden = older !== true;
    byId('load-older').disabled = loadingHistory;
    byId('history-start').hidden = older !== false || !speech;
    byId('quiet').hidden = older === undefined || speech;
  }

  function countUnseen(rows) {
    const messages = rows.filter(({ type }) => type === 'message');
    const newest = messages.at(-1);
    if (newest && newestKey && newest.key !== newestKey && !following) {
      unseen += messages.length - 1 - messages.findIndex(({ key }) => key === newestKey);
    }
    // Somebody who has just written wants to see it.
    if (newest?.mine && newest.key !== newestKey && newestKey) {
      following = true;
      toEnd();
    }
    newestKey = newest?.key ?? '';
    drawJump();
  }

  function drawJump() {
    if (following) unseen = 0;
    byId('jump-to-newest').hidden = following;
    setText(byId('jump-text'), unseen > 0 ? countOf(unseen, 'new message', 'new messages') : 'Newest');
  }

  function createRow(row) {
    const item = fromTemplate(`t-${row.type}`);
    if (row.type !== 'message') return item;
    item.querySelector('[data-action=retry]').addEventListener('click', () => chat.retry(item.dataset.clientId));
    item.querySelector('[data-action=discard]').addEventListener('click', () => chat.discard(item.dataset.clientId));
    return item;
  }

  function updateRow(item, row) {
    if (row.type === 'day') setText(item.firstElementChild, dayName(row.at));
    else if (row.type === 'notice') setText(item.firstElementChild, row.text);
    else updateMessage(item, row);
  }

  function updateMessage(item, row) {
    const looks = [row.first, row.last, row.mine, row.delivery, row.error, row.author, row.at].join('\n');
    if (item.dataset.looks === looks) return;
    item.dataset.looks = looks;
    item.classList.toggle('mine', row.mine);
    item.classList.toggle('first', row.first);
    item.classList.toggle('last', row.last);
    item.dataset.delivery = row.delivery ?? '';
    item.dataset.clientId = row.clientId ?? '';
    fillTile(item.querySelector('.avatar'), row.userOid, row.author);
    const author = item.querySelector('.author');
    setText(author, row.mine ? 'You' : row.author);
    author.dataset.hue = item.querySelector('.avatar').dataset.hue;
    setText(item.querySelector('.text'), row.text);
    const time = item.querySelector('time');
    time.dateTime = new Date(row.at).toISOString();
    time.title = fullTime(row.at);
    setText(time, timeOf(row.at));
    updateDelivery(item, row);
  }

  function updateDelivery(item, { delivery, error }) {
    const state = item.querySelector('.state');
    const failure = item.querySelector('.failure');
    const look = DELIVERY[delivery];
    if (look) {
      const words = document.createElement('span');
      words.className = 'sr-only';
      words.textContent = look.text;
      state.replaceChildren(icon(look.icon), words);
      state.title = look.text;
    }
    failure.hidden = delivery !== 'failed';
    if (error) setText(failure.firstElementChild, `Not sent. ${error}`);
  }

  box.addEventListener('scroll', () => {
    following = distanceToEnd() < NEAR_END_PX;
    drawJump();
    if (box.scrollTop < NEAR_START_PX) chat.loadOlder();
  }, { passive: true });
  byId('load-older').addEventListener('click', () => chat.loadOlder());
  byId('jump-to-newest').addEventListener('click', () => {
    following = true;
    toEnd();
    drawJump();
    byId('message').focus();
  });
  // A growing composer or a phone's keyboard must not cover the newest message.
  new ResizeObserver(() => {
    if (following) toEnd();
  }).observe(box);

  store.watch(['room', 'timelineVersion', 'loadingHistory', 'user', 'rooms'], draw);
}
