/** A record type whose keys that may be undefined are optional instead. */
export type Stated<T> =
  & { [Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key] }
  & { [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined> };

/** The record without the keys that are undefined: what a host did not say has no key in its facts. */
export function stated<T extends object>(record: T): Stated<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Stated<T>;
}
