// What a person does on the page, and what they then see. Every function ends when the page shows the effect.

export const PASSWORD = 'a long enough password';

export async function signUp(page, url, name, email) {
  await page.goto(url);
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.locator('#sign-in-submit').click();
  await online(page);
}

/** Waits until the page is connected. */
export function online(page) {
  return page.locator('#connection-chip[data-status=online]').waitFor({ state: 'attached' });
}

export async function createRoom(page, name) {
  await page.getByRole('button', { name: 'New room' }).first().click();
  await page.getByLabel('Room name').fill(name);
  await page.getByRole('button', { name: 'Open room' }).click();
  await inRoom(page, name);
  return page.locator('#room-code').textContent();
}

export async function joinByCode(page, code, name) {
  await page.getByRole('button', { name: 'Join by code' }).first().click();
  await page.getByLabel('Room code', { exact: true }).fill(code);
  await page.getByRole('button', { name: 'Join room' }).click();
  await inRoom(page, name);
}

export function inRoom(page, name) {
  return page.getByRole('heading', { level: 1, name }).waitFor();
}

/** Writes and sends; waits until the message stands in the list, not until it is delivered. */
export async function say(page, text) {
  await page.locator('#message').fill(text);
  await page.locator('#message').press('Enter');
  await sees(page, text);
}

export function sees(page, text) {
  return message(page, text).first().waitFor();
}

export function message(page, text) {
  return page.locator('.message').filter({ has: page.getByText(text, { exact: true }) });
}

/** Waits until nothing of the reader's own is on its way any more. */
export function allSent(page) {
  return page.waitForFunction(() => !document.querySelector('.message.mine:not([data-delivery=sent])'));
}

/** The texts of all messages, top to bottom. */
export function texts(page) {
  return page.locator('.message .text').allTextContents();
}

/** The connection events in the log drawer, oldest first. */
export function logged(page) {
  return page.locator('#log-list strong').allTextContents();
}

/** Waits until the banner has counted at least `count` attempts. */
export function attemptsReach(page, count) {
  return page.waitForFunction((least) => {
    const found = /attempt (\d+)/u.exec(document.querySelector('#banner:not([hidden])')?.textContent ?? '');
    return found && Number(found[1]) >= least;
  }, count);
}
