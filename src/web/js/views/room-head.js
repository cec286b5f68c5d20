// The head of the open room: its name, its code to share, the way out.
import { byId, fillTile, setText } from '../dom.js';
import { countOf } from '../format.js';
import { sayState, toast } from '../announce.js';

/** Milliseconds that the copy button shows its success. */
const COPIED_MS = 2000;

export function createRoomHead({ store, chat, onProblem }) {
  const copyButtons = document.querySelectorAll('[data-copy-code]');

  store.watch(['room', 'present', 'rooms', 'screen'], ({ room, present, rooms, screen }) => {
    byId('app').dataset.screen = screen;
    byId('app').dataset.inRoom = String(room !== null);
    byId('room').hidden = room === null;
    byId('no-room').hidden = room !== null;
    if (!room) return;
    fillTile(byId('room-tile'), room.code, room.name);
    setText(byId('room-name'), room.name);
    byId('room-name').title = room.name;
    for (const button of copyButtons) {
      setText(button.querySelector('.code-text'), room.code);
      button.setAttribute('aria-label', `Copy the room code ${room.code}`);
    }
    const host = rooms?.find(({ code }) => code === room.code)?.hostUser?.name;
    const here = present.roomCode === room.code ? countOf(present.people.length, 'person here', 'people here') : '';
    setText(byId('room-summary'), [here, host && `opened by ${host}`].filter(Boolean).join(' · '));
  });

  for (const button of copyButtons) button.addEventListener('click', () => copyCode(button));

  byId('back-to-rooms').addEventListener('click', () => store.set({ screen: 'rooms' }));

  byId('leave-room').addEventListener('click', async () => {
    try {
      await chat.leave();
      byId('empty-new-room').focus();
    } catch (error) {
      onProblem(error.message);
    }
  });

  async function copyCode(button) {
    const { code } = store.get().room;
    try {
      await navigator.clipboard.writeText(code);
    } catch {
      // The clipboard needs https or localhost.
      toast(`Copying is not allowed here. The code is ${code}`);
      return;
    }
    sayState('The room code is copied.');
    const picture = button.querySelector('use');
    picture.setAttribute('href', '#i-check');
    button.dataset.copied = 'true';
    setTimeout(() => {
      picture.setAttribute('href', '#i-copy');
      delete button.dataset.copied;
    }, COPIED_MS);
  }
}
