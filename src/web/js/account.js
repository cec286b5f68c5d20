// Who is signed in: sign-up, log-in, log-out, the token's life, and agreement between tabs.
import { ApiError, request } from './api.js';

/** Whether this browser has signed in before; without it the page does not ask a question that must fail. */
const HINT = 'roomcast.signed-in';
/** Milliseconds between attempts to refresh a token while the server is away. */
const REFRESH_RETRY_MS = 3000;

const tabs = new BroadcastChannel('roomcast.identity');

/** A server set up for older clients answers refusals with status 200. */
const isRefusal = (error) => error instanceof ApiError && (error.status === 401 || error.status === 200);

function remember(user) {
  try {
    if (user) localStorage.setItem(HINT, user.userOid);
    else localStorage.removeItem(HINT);
  } catch {
    // Without storage a reload starts at the sign-in form.
  }
}

function mayBeSignedIn() {
  try {
    return localStorage.getItem(HINT) !== null;
  } catch {
    return true;
  }
}

/**
 * Asks who is signed in and where they are; `null` if nobody is.
 * @returns {Promise<{user: import('./store.js').User, room: import('./store.js').CurrentRoom | null} | null>}
 * @throws {ApiError} when the server cannot be asked
 */
export async function whoAmI() {
  if (!mayBeSignedIn()) return null;
  try {
    const { user, room } = await request('GET', '/auth/me');
    return { user, room: room ?? null };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    remember(null);
    return null;
  }
}

async function enter(path, body) {
  await request('POST', path, body);
  remember({ userOid: '' });
  const me = await whoAmI();
  if (!me) throw new ApiError('Your browser did not keep the sign-in cookie. Allow cookies for this site and try again.', 0);
  remember(me.user);
  tabs.postMessage(me.user.userOid);
  return me;
}

export const signUp = (name, email, password) => enter('/user/create', { name, email, password });
export const logIn = (email, password) => enter('/auth/login', { email, password });

export async function logOut() {
  try {
    await request('POST', '/auth/logout');
  } catch (error) {
    // An expired session is as good as logged out.
    if (!isRefusal(error)) throw error;
  }
  remember(null);
  tabs.postMessage('');
}

/** Gets a fresh token before `expiresAt`; gives up quietly when that moment has passed. */
export async function refreshBefore(expiresAt) {
  // Seconds or milliseconds since 1970: no expiry in this century is ambiguous.
  const end = expiresAt < 1e11 ? expiresAt * 1000 : expiresAt;
  for (;;) {
    try {
      await request('POST', '/auth/refresh');
      return;
    } catch (error) {
      if (isRefusal(error) || Date.now() > end) return;
    }
    await new Promise((resolve) => setTimeout(resolve, REFRESH_RETRY_MS));
  }
}

/** Runs `run` with the account's id (or '') when another tab signs in or out. */
export function onOtherTab(run) {
  tabs.onmessage = ({ data }) => run(data);
}
