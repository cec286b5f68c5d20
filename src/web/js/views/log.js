// The drawer with the connection's events as they happen.
import { byId, reconcile, setText } from '../dom.js';
import { preciseTime } from '../format.js';
import { createDrawer } from './drawer.js';

export function createLogView({ log }) {
  const list = byId('log-list');

  function draw() {
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    reconcile(list, log.entries(), createLine, () => {});
    if (atEnd) list.scrollTop = list.scrollHeight;
  }

  createDrawer({
    panel: byId('log'),
    openers: [byId('connection-chip')],
    closer: byId('close-log'),
    onOpen: () => {
      list.scrollTop = list.scrollHeight;
    },
  });
  log.onChange(draw);
}

function createLine({ at, event, detail, tone }) {
  const line = document.createElement('li');
  line.dataset.tone = tone;
  for (const [name, text] of [['time', preciseTime(at)], ['strong', event], ['span', detail]]) {
    const part = document.createElement(name);
    setText(part, text);
    line.append(part);
  }
  return line;
}
