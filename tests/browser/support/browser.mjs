// Chromium, and a watch over everything that its pages must not do.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const SCREENSHOTS = process.env.SCREENSHOT_DIR ?? fileURLToPath(new URL('../../../target/screenshots/', import.meta.url));

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** Starts Chromium without anything that would talk to the network by itself; with QUIC for the tests of WebTransport. */
export function launch({ quic = false } = {}) {
  return chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      ...(quic ? [] : ['--disable-quic']),
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** What a browser says when the server is away; nothing that a page could avoid. */
const OUTAGE = /net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|SOCKET_NOT_CONNECTED)|WebSocket connection to .* failed/u;

/**
 * Opens a browser profile of its own whose pages are watched.
 * @param {import('playwright-core').Browser} browser
 * @param {string | string[]} origins the only addresses that may be asked for anything
 * @param {import('playwright-core').BrowserContextOptions} options
 */
export async function openProfile(browser, origins, options) {
  const isOwn = (url) => [].concat(origins).some((origin) => new URL(origin).host === url.host);
  const context = await browser.newContext({ reducedMotion: 'reduce', locale: 'en-GB', ...options });
  context.setDefaultTimeout(15_000);
  const problems = [];
  let expected = [];

  await context.route((url) => !isOwn(url) && url.protocol.startsWith('http'), (route) => {
    problems.push(`request to another host: ${route.request().url()}`);
    return route.abort();
  });
  await context.exposeFunction('reportViolation', (text) => problems.push(`policy violation: ${text}`));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      window.reportViolation(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  context.on('weberror', (error) => problems.push(`uncaught: ${error.error().message}`));
  context.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    if (expected.some((pattern) => pattern.test(message.text()))) return;
    problems.push(`console ${message.type()}: ${message.text()}`);
  });
  context.on('page', (page) => {
    page.on('websocket', (socket) => {
      if (!isOwn(new URL(socket.url()))) problems.push(`WebSocket to another host: ${socket.url()}`);
    });
  });

  return {
    context,
    problems,
    newPage: () => context.newPage(),

    /** Runs `work` during which the console may say `patterns`. */
    async expecting(patterns, work) {
      expected = patterns;
      try {
        return await work();
      } finally {
        expected = [];
      }
    },
  };
}

/** Runs `work` while all `profiles` may notice that the server is away. */
export function duringOutage(profiles, work) {
  return profiles.reduceRight((inner, profile) => () => profile.expecting([OUTAGE], inner), work)();
}

/** Writes a picture of what the page shows now. */
export async function screenshot(page, name) {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}
