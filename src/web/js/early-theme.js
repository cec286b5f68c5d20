// Applies the chosen theme before the first paint, so that a reload does not flash the other one.
// A classic script on purpose: modules run only after the page has been drawn.
{
  let chosen = null;
  try {
    chosen = localStorage.getItem('roomcast.theme');
  } catch {
    // Storage may be forbidden; the system's theme is used then.
  }
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
}
