// The page in a real browser against the real server: two people talk, the server dies and comes back.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import {
  allSent, attemptsReach, createRoom, inRoom, joinByCode, logged, message, online, PASSWORD, say, sees, signUp, texts,
} from './support/actions.mjs';
import { DESKTOP, duringOutage, launch, openProfile, PHONE, screenshot } from './support/browser.mjs';
import { startServer } from './support/server.mjs';

const ROOM = 'Analytical Engine';
const HOSTILE = '<img src=x onerror="document.title=\'taken over\'">';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

describe('two people in a room', { timeout: 60_000 }, () => {
  let server, ada, grace, adaPage, gracePage, code;
  const profiles = [];

  before(async () => {
    server = await startServer();
    ada = await openProfile(browser, server.url, { viewport: DESKTOP, colorScheme: 'light' });
    grace = await openProfile(browser, server.url, { viewport: PHONE, colorScheme: 'dark', deviceScaleFactor: 2 });
    profiles.push(ada, grace);
    adaPage = await ada.newPage();
    gracePage = await grace.newPage();
  });
  after(() => server?.stop());
  afterEach(() => {
    for (const { problems } of profiles) assert.deepEqual(problems.splice(0), []);
  });

  test('the page comes with a strict content security policy', async () => {
    const response = await adaPage.goto(server.url);
    const policy = response.headers()['content-security-policy'] ?? '';
    const directives = policy.split(';').map((part) => part.trim());
    for (const wanted of [
      "default-src 'self'", "connect-src 'self'", "img-src 'self' data:", "object-src 'none'",
      "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'",
    ]) assert.ok(directives.includes(wanted), `${wanted} is not in: ${policy}`);
    assert.doesNotMatch(policy, /unsafe/u);
  });

  test('they sign up, and are told next to the field what is wrong', async () => {
    await adaPage.locator('#sign-in-submit').click();
    await adaPage.getByText('Enter an e-mail address').waitFor();
    await adaPage.reload();
    await screenshot(adaPage, 'sign-in-desktop-light');
    await signUp(adaPage, server.url, 'Ada Lovelace', 'ada@example.org');
    await adaPage.getByRole('heading', { name: 'Step into a room' }).waitFor();

    await gracePage.goto(server.url);
    await screenshot(gracePage, 'sign-in-phone-dark');
    await grace.expecting([/status of 4\d\d/u], async () => {
      await gracePage.getByLabel('Your name').fill('Grace Hopper');
      await gracePage.getByLabel('E-mail').fill('ADA@example.org');
      await gracePage.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await gracePage.locator('#sign-in-submit').click();
      await gracePage.locator('#email-error:not(:empty)').waitFor();
    });
    await signUp(gracePage, server.url, 'Grace Hopper', 'grace@example.org');
  });

  test('one opens a room, the other joins by its code and both see who is here', async () => {
    code = await createRoom(adaPage, ROOM);
    await adaPage.getByText('Only you so far').waitFor();
    await grace.expecting([/status of 404/u], async () => {
      await gracePage.getByRole('button', { name: 'Join by code' }).first().click();
      await gracePage.getByLabel('Room code', { exact: true }).fill('no-such-room');
      await gracePage.getByRole('button', { name: 'Join room' }).click();
      await gracePage.getByText('No room of code no-such-room exists').waitFor();
      await gracePage.getByRole('button', { name: 'Cancel' }).last().click();
    });
    await joinByCode(gracePage, code, ROOM);
    await adaPage.locator('#people-list').getByText('Grace Hopper').waitFor();
    await adaPage.locator('#people-list').getByText('Ada Lovelace (you)').waitFor();
    await gracePage.getByText('2 people here').waitFor();
  });

  test('they talk both ways, and hostile text stays text', async () => {
    await say(adaPage, 'Good morning! Has anybody looked at the punched cards yet?');
    await sees(gracePage, 'Good morning! Has anybody looked at the punched cards yet?');
    await say(gracePage, 'I have. Card 17 has a moth in it.');
    await say(gracePage, 'A real one. I taped it into the log book, with the date and the time.');
    await sees(adaPage, 'A real one. I taped it into the log book, with the date and the time.');
    await say(adaPage, HOSTILE);
    await sees(gracePage, HOSTILE);
    await say(gracePage, 'Nice try. It stays text here.');
    await sees(adaPage, 'Nice try. It stays text here.');
    await say(adaPage, 'Then back to the engine:\nthe mill is warm and the store is empty.');
    await Promise.all([allSent(adaPage), allSent(gracePage)]);
    assert.deepEqual(await texts(gracePage), await texts(adaPage));
    for (const page of [adaPage, gracePage]) {
      assert.equal(await page.locator('#messages img').count(), 0);
      assert.match(await page.title(), new RegExp(ROOM, 'u'));
    }
    assert.equal(await message(adaPage, 'Nice try. It stays text here.').locator('.author').textContent(), 'Grace Hopper');
  });

  test('a reload leads back into the room with its history', async () => {
    const said = await texts(adaPage);
    await adaPage.reload();
    await inRoom(adaPage, ROOM);
    await sees(adaPage, HOSTILE);
    await adaPage.waitForFunction((count) => document.querySelectorAll('.message').length === count, said.length);
    assert.deepEqual(await texts(adaPage), said);
    await adaPage.locator('#people-list').getByText('Grace Hopper').waitFor();
    await online(adaPage);
  });

  test('it looks the same in light and dark, wide and narrow, and never scrolls sideways', async () => {
    for (const [page, width] of [[adaPage, 'desktop'], [gracePage, 'phone']]) {
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        await screenshot(page, `chat-${width}-${colorScheme}`);
      }
    }
    await adaPage.emulateMedia({ colorScheme: 'light' });
    await gracePage.setViewportSize({ width: 360, height: 640 });
    assert.equal(await gracePage.evaluate(() => document.documentElement.scrollWidth), 360);
    await screenshot(gracePage, 'chat-narrow-dark');
    await gracePage.getByRole('button', { name: 'Back to the rooms' }).click();
    await screenshot(gracePage, 'rooms-narrow-dark');
    assert.equal(await gracePage.evaluate(() => document.documentElement.scrollWidth), 360);
    await gracePage.locator('#rooms-mine').getByText(ROOM).click();
    await gracePage.setViewportSize(PHONE);
    await inRoom(gracePage, ROOM);
  });

  test('the server is killed: both pages say so, count attempts, keep what is written, and recover', async () => {
    const before = await texts(adaPage);
    await adaPage.getByRole('button', { name: /Connection log/u }).click();
    await duringOutage([ada, grace], async () => {
      await server.kill();
      await Promise.all([attemptsReach(adaPage, 2), attemptsReach(gracePage, 2)]);
      await say(adaPage, 'Written by Ada while the server was away');
      await say(adaPage, 'And a second line');
      await say(gracePage, 'Written by Grace while the server was away');
      await message(adaPage, 'And a second line').and(adaPage.locator('[data-delivery=waiting]')).waitFor();
      await adaPage.emulateMedia({ colorScheme: 'dark' });
      await screenshot(adaPage, 'offline-log-desktop-dark');
      await adaPage.getByRole('button', { name: 'Close the connection log' }).click();
      await adaPage.emulateMedia({ colorScheme: 'light' });
      await screenshot(adaPage, 'offline-desktop-light');
      await screenshot(gracePage, 'offline-phone-dark');
      await server.start();
      await adaPage.getByRole('button', { name: 'Try now' }).click();
      await Promise.all([online(adaPage), online(gracePage)]);
    });

    const written = [
      'Written by Ada while the server was away', 'And a second line', 'Written by Grace while the server was away',
    ];
    for (const page of [adaPage, gracePage]) {
      for (const text of written) await sees(page, text);
      await allSent(page);
      await page.locator('#banner').waitFor({ state: 'hidden' });
    }
    const after = await texts(adaPage);
    assert.deepEqual(after.slice(0, before.length), before);
    assert.deepEqual([...after.slice(before.length)].sort(), [...written].sort());
    assert.ok(after.indexOf(written[0]) < after.indexOf(written[1]), 'the order of writing is kept');
    assert.deepEqual(await texts(gracePage), after);

    const events = await logged(adaPage);
    for (const event of ['connect', 'disconnect', 'reconnect_attempt', 'connect_error', 'reconnect_error']) {
      assert.ok(events.includes(event), `the log lacks ${event}: ${events}`);
    }
    await adaPage.reload();
    await sees(adaPage, 'And a second line');
    await adaPage.waitForFunction((count) => document.querySelectorAll('.message').length === count, after.length);
    assert.deepEqual(await texts(adaPage), after);
  });

  test('another tab takes over, and the first one comes back with what it missed', async () => {
    const second = await ada.newPage();
    await second.goto(server.url);
    await online(second);
    await adaPage.locator('#banner').getByText('In use in another tab').waitFor();
    assert.ok(await adaPage.locator('#message').isDisabled());
    await screenshot(adaPage, 'replaced-desktop-light');
    await say(gracePage, 'Can you still hear me?');
    await sees(second, 'Can you still hear me?');
    // More than one page of history, so that catching up has to go back several times.
    await gracePage.evaluate(async (roomCode) => {
      for (let number = 1; number <= 75; number += 1) {
        await fetch('/chat/message', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ roomCode, msg: `Line ${number}` }),
        });
      }
    }, code);
    await sees(second, 'Line 75');
    assert.equal(await message(adaPage, 'Can you still hear me?').count(), 0);

    await adaPage.getByRole('button', { name: 'Use here' }).click();
    await online(adaPage);
    await sees(adaPage, 'Line 75');
    assert.deepEqual(await texts(adaPage), await texts(gracePage));
    await second.locator('#banner').getByText('In use in another tab').waitFor();
    await second.close();
  });

  test('older messages come while scrolling up, and the place is held', async () => {
    const complete = await texts(gracePage);
    await gracePage.reload();
    await sees(gracePage, 'Line 75');
    assert.equal(await gracePage.locator('.message').count(), 50);
    const wasFirst = gracePage.locator('.message').first();
    const key = await wasFirst.getAttribute('data-key');
    await gracePage.locator('#timeline').evaluate((box) => (box.scrollTop = 0));
    await gracePage.waitForFunction((count) => document.querySelectorAll('.message').length === count, complete.length);
    assert.deepEqual(await texts(gracePage), complete);
    const held = await gracePage.evaluate((name) => {
      const { top } = document.querySelector(`[data-key="${name}"]`).getBoundingClientRect();
      return top > 0 && top < innerHeight;
    }, key);
    assert.ok(held, 'the message that was first is still in view');
    await gracePage.getByText('This is where the room begins.').waitFor();
    await gracePage.getByRole('button', { name: /Newest/u }).click();
    await message(gracePage, 'Line 75').waitFor();
  });

  test('leaving tells the others, logging out leads to the sign-in form', async () => {
    await gracePage.getByRole('button', { name: 'Leave this room' }).click();
    await adaPage.getByText('Grace Hopper left room').waitFor();
    await adaPage.locator('#people-list').getByText('Grace Hopper').waitFor({ state: 'detached' });
    await gracePage.getByRole('button', { name: 'Log out' }).click();
    await gracePage.getByRole('button', { name: 'Sign in' }).first().waitFor();
    await gracePage.reload();
    await gracePage.getByLabel('Your name').waitFor();
  });
});

test('the keyboard alone is enough', { timeout: 30_000 }, async () => {
  const server = await startServer();
  try {
    const profile = await openProfile(browser, server.url, { viewport: DESKTOP, colorScheme: 'light' });
    const page = await profile.newPage();
    const { keyboard } = page;
    const focused = () => page.evaluate(() => document.activeElement.id);
    await page.goto(server.url);
    await page.locator('#name:focus').waitFor();
    await keyboard.type('Katherine Johnson');
    await keyboard.press('Tab');
    await keyboard.type('katherine@example.org');
    await keyboard.press('Tab');
    await keyboard.type(PASSWORD);
    await keyboard.press('Enter');
    await online(page);
    assert.equal(await focused(), 'new-room');
    await keyboard.press('Enter');
    await keyboard.type('Trajectories');
    await keyboard.press('Enter');
    await inRoom(page, 'Trajectories');
    await page.locator('#message:focus').waitFor();
    await keyboard.type('First line');
    await keyboard.press('Shift+Enter');
    await keyboard.type('second line');
    await keyboard.press('Enter');
    await sees(page, 'First line\nsecond line');
    await allSent(page);
    while (await focused() !== 'connection-chip') await keyboard.press('Shift+Tab');
    await keyboard.press('Enter');
    await page.locator('#log').waitFor();
    await keyboard.press('Escape');
    await page.locator('#log').waitFor({ state: 'hidden' });
    assert.equal(await focused(), 'connection-chip');
    assert.deepEqual(profile.problems, []);
  } finally {
    await server.stop();
  }
});

test('a token is refreshed in time, and its end leads to the sign-in form', { timeout: 30_000 }, async () => {
  const server = await startServer({ JWT_EXPIRE_IN: '4' });
  try {
    const profile = await openProfile(browser, server.url, { viewport: DESKTOP });
    const page = await profile.newPage();
    await signUp(page, server.url, 'Mary Jackson', 'mary@example.org');
    // The second warning comes only after the first token would have ended.
    await page.waitForFunction(() => document.querySelector('#log-list').textContent.split('auth:expiring').length > 2);
    assert.ok(!(await logged(page)).includes('disconnect'));
    await online(page);

    await profile.expecting([/net::ERR_FAILED/u, /status of 401/u], async () => {
      await profile.context.route('**/auth/refresh', (route) => route.abort());
      await page.getByText('Your session has ended').waitFor();
      await page.getByRole('heading', { name: /Open a room/u }).waitFor();
    });
    assert.deepEqual(profile.problems, []);
  } finally {
    await server.stop();
  }
});
