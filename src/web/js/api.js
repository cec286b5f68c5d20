// The HTTP API: one function, one error type.

/** A request that was refused (`status` above 0) or never answered (`status` 0). */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * Calls the server and gives back the `result` of its answer.
 * @param {'GET' | 'POST'} method
 * @param {string} path
 * @param {object} [body]
 * @throws {ApiError}
 */
export async function request(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      headers: body ? { 'Content-Type': 'application/json' } : {},
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new ApiError('The server cannot be reached. Try again in a moment.', 0);
  }
  const answer = await response.json().catch(() => null);
  // A server may answer failures with status 200, so `success` decides and not the status.
  if (response.ok && answer?.success) return answer.result ?? {};
  throw new ApiError(answer?.errorMessage ?? `The server answered with status ${response.status}.`, response.status);
}
