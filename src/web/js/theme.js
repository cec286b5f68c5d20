// The theme button: as the system has it, always light, always dark. `early-theme.js` applies the choice at load.
import { byId } from './dom.js';

const KEY = 'roomcast.theme';
const THEMES = ['auto', 'light', 'dark'];
const NAMES = { auto: 'Theme: as the system has it', light: 'Theme: light', dark: 'Theme: dark' };

export function startTheme() {
  const button = byId('theme');
  let theme = document.documentElement.dataset.theme ?? 'auto';

  const show = () => {
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    byId('theme-icon').setAttribute('href', `#i-${theme}`);
    button.setAttribute('aria-label', NAMES[theme]);
    button.title = NAMES[theme];
  };

  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // The choice then lasts until the page is closed.
    }
    show();
  });
  show();
}
