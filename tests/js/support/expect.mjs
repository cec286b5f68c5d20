// The two shapes of every JSON answer of the chat service.

import assert from "node:assert/strict";

/** Asserts a success and returns its body. */
export function succeeded(answer) {
  assert.ok(answer.status >= 200 && answer.status < 300, `${answer.status} ${answer.text}`);
  assert.equal(answer.json?.success, true, answer.text);
  return answer.json;
}

/** Asserts a failure with one of the statuses and returns its text. */
export function failed(answer, ...statuses) {
  assert.ok(statuses.includes(answer.status), `${answer.status} in place of ${statuses.join(" or ")}: ${answer.text}`);
  return failedBody(answer.json);
}

/** Asserts the body of a failure, as an HTTP answer or an acknowledgement has it, and returns its text. */
export function failedBody(json) {
  assert.equal(json?.success, false, JSON.stringify(json));
  assert.equal(typeof json.errorMessage, "string");
  assert.notEqual(json.errorMessage.trim(), "");
  return json.errorMessage;
}
