/** Units of durations in seconds, as a profile writes them; the largest first. */
const UNITS = { h: 3600, min: 60, s: 1 } as const;

/**
 * Reads a duration: a whole number, 1 or more, of `s`, `min` or `h`; seconds. Undefined for anything else. At most five digits
 * of seconds, four of minutes and two of hours.
 */
export function parseDuration(text: string): number | undefined {
  const [, number, unit] = DURATION.exec(text) ?? [];
  return number === undefined || !isUnit(unit) ? undefined : Number(number) * UNITS[unit];
}

/** Seconds of a day. */
const DAY = 86_400;

/** The same of an age, which may also be in days, up to four digits: `30d`. */
export function parseAge(text: string): number | undefined {
  const [, days] = /^([1-9][0-9]{0,3}) ?d$/.exec(text) ?? [];
  return days === undefined ? parseDuration(text) : Number(days) * DAY;
}

/** An age for people: `12 days`, or below two days in hours or minutes. */
export function formatAge(seconds: number): string {
  if (seconds >= 2 * DAY) return `${Math.floor(seconds / DAY)} days`;
  const [unit, count] = seconds >= 3600 ? ["hour", seconds / 3600] : ["minute", seconds / 60];
  const whole = Math.floor(count);
  return `${whole} ${unit}${whole === 1 ? "" : "s"}`;
}

/** What `parseDuration` reads. */
export const DURATION = /^(?=[1-9][0-9]{0,4} ?s$|[1-9][0-9]{0,3} ?min$|[1-9][0-9]? ?h$)([0-9]+) ?(s|min|h)$/;

function isUnit(unit: string | undefined): unit is keyof typeof UNITS {
  return unit !== undefined && Object.hasOwn(UNITS, unit);
}

/** A duration for people, in the largest unit that holds it whole: `10 s`, `2 min`, `1 h`, `90 s`. */
export function formatDuration(seconds: number): string {
  const [unit, size] = Object.entries(UNITS).find(([, size]) => seconds >= size && seconds % size === 0) ?? ["s", 1];
  return `${seconds / size} ${unit}`;
}
