// The list of rooms in the sidebar, and who is signed in below it.
import { byId, fillTile, fromTemplate, reconcile, setText } from '../dom.js';

export function createRoomsView({ store, chat, onProblem }) {
  function drawList(id, rooms, current) {
    byId(`${id}-section`).hidden = rooms.length === 0;
    const rows = rooms.map((room) => ({ key: room.code, room, here: room.code === current }));
    reconcile(byId(id), rows, createItem, updateItem);
  }

  function createItem({ room }) {
    const item = fromTemplate('t-room');
    item.querySelector('button').addEventListener('click', async () => {
      try {
        await chat.join(room.code);
      } catch (error) {
        onProblem(error.message);
      }
    });
    return item;
  }

  function updateItem(item, { room, here }) {
    const name = room.name || room.code;
    const host = room.hostUser?.name;
    fillTile(item.querySelector('.tile'), room.code, name);
    setText(item.querySelector('strong'), name);
    setText(item.querySelector('.room-text span'), host ? `Opened by ${host}` : 'Opened by a former user');
    const button = item.querySelector('button');
    if (here) button.setAttribute('aria-current', 'true');
    else button.removeAttribute('aria-current');
  }

  store.watch(['rooms', 'room'], ({ rooms, room }) => {
    const list = rooms ?? [];
    byId('rooms-empty').hidden = rooms === null || list.length > 0;
    drawList('rooms-mine', list.filter(({ member }) => member), room?.code);
    drawList('rooms-other', list.filter(({ member }) => !member), room?.code);
  });

  store.watch(['user'], ({ user }) => {
    if (!user) return;
    fillTile(byId('my-avatar'), user.userOid, user.name);
    setText(byId('my-name'), user.name);
    setText(byId('my-email'), user.email);
  });

  byId('refresh-rooms').addEventListener('click', chat.refreshRooms);
  // Others open rooms while this page is in the background.
  addEventListener('focus', () => {
    if (store.get().connection.status === 'online') chat.refreshRooms();
  });
}
