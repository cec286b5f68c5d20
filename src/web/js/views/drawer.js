// A panel that opens over the page: buttons that open it, Escape and a button that close it, focus that returns.

/**
 * @param {{panel: HTMLElement, openers: HTMLElement[], closer: HTMLElement, onOpen?: () => void}} parts
 */
export function createDrawer({ panel, openers, closer, onOpen = () => {} }) {
  let opener = openers[0];

  function set(open) {
    panel.dataset.open = String(open);
    // Other panels may stand beside the page when there is room.
    if (panel.hasAttribute('data-drawer-only')) panel.hidden = !open;
    for (const button of openers) button.setAttribute('aria-expanded', String(open));
  }

  for (const button of openers) {
    button.addEventListener('click', () => {
      const open = panel.dataset.open !== 'true';
      opener = button;
      set(open);
      if (!open) return;
      onOpen();
      closer.focus();
    });
  }

  function close() {
    set(false);
    opener.focus();
  }

  closer.addEventListener('click', close);
  panel.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && panel.dataset.open === 'true') close();
  });
}
