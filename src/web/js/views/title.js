// The tab's title: the room, and how many messages came while nobody was looking.

export function createTitle({ store }) {
  let unseen = 0;

  function draw() {
    const { room } = store.get();
    const name = room ? `${room.name} · roomcast` : 'roomcast';
    document.title = unseen > 0 ? `(${unseen}) ${name}` : name;
  }

  document.addEventListener('visibilitychange', () => {
    unseen = 0;
    draw();
  });
  store.watch(['room'], draw);

  return {
    /** Counts one message of somebody else. */
    count() {
      if (!document.hidden) return;
      unseen += 1;
      draw();
    },
  };
}
