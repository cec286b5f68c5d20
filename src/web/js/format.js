// Times, days and counts in the reader's own language and zone.

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const dayThisYear = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const dayOtherYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });

/** The time of day, without seconds. */
export const timeOf = (at) => clock.format(at);

/** Date and time in full, for titles and screen readers. */
export const fullTime = (at) => full.format(at);

/** The time of day to the millisecond, as the log shows it. */
export function preciseTime(at) {
  const date = new Date(at);
  const two = (value) => String(value).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** A key that is equal for two moments of the same local day. */
export const dayKey = (at) => new Date(at).toDateString();

/** "Today", "Yesterday" or the date. */
export function dayName(at, now = Date.now()) {
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (dayKey(at) === dayKey(now)) return 'Today';
  if (dayKey(at) === dayKey(yesterday)) return 'Yesterday';
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? dayThisYear : dayOtherYear).format(at);
}

/** "1 person", "3 people". */
export const countOf = (count, one, many) => `${count} ${count === 1 ? one : many}`;
