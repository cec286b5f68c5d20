// Who is in the open room at this moment.
import { byId, fillTile, fromTemplate, reconcile, setText } from '../dom.js';
import { createDrawer } from './drawer.js';

export function createPeopleView({ store }) {
  createDrawer({ panel: byId('people'), openers: [byId('show-people')], closer: byId('close-people') });

  store.watch(['present', 'room', 'user', 'connection'], ({ present, room, user, connection }) => {
    const people = room && present.roomCode === room.code ? present.people : [];
    const rows = [...people]
      .sort((a, b) => Number(b.userOid === user?.userOid) - Number(a.userOid === user?.userOid) || a.name.localeCompare(b.name))
      .map((person) => ({ key: person.userOid, person, me: person.userOid === user?.userOid }));
    reconcile(byId('people-list'), rows, () => fromTemplate('t-person'), (item, { person, me }) => {
      fillTile(item.querySelector('.avatar'), person.userOid, person.name);
      setText(item.querySelector('.person-name'), me ? `${person.name} (you)` : person.name);
    });
    const online = connection.status === 'online';
    byId('people-list').dataset.stale = String(!online);
    setText(byId('people-note'), note(room, rows.length, online));
  });
}

function note(room, count, online) {
  if (!room) return 'People appear here when you are in a room.';
  if (!online) return count === 0 ? '' : 'As it was when this window was last connected.';
  return count === 1 ? 'Only you so far. Share the code to bring others in.' : '';
}
