/**
 * Types of the `@std` modules that this project uses. The npm mirror that deno.json maps them to carries none;
 * jsr.json maps the same names to the originals, which carry their own, and leaves this file out.
 */

declare module "@std/cli/parse-args" {
  export interface ParseOptions {
    string?: string | readonly string[];
    boolean?: boolean | string | readonly string[];
    collect?: string | readonly string[];
    unknown?: (arg: string, key?: string, value?: unknown) => unknown;
  }
  export function parseArgs(
    args: string[],
    options?: ParseOptions,
  ): { [name: string]: unknown; _: (string | number)[] };
}

declare module "@std/yaml" {
  export class YamlSyntaxError extends SyntaxError {
    readonly line?: number;
    readonly column?: number;
    readonly offset?: number;
  }
  export type Schema = "core" | "default" | "extended" | "failsafe" | "json";
  export interface ParseOptions {
    allowDuplicateKeys?: boolean;
    schema?: Schema;
    onWarning?(error: Error): void;
  }
  export interface StringifyOptions {
    indent?: number;
    lineWidth?: number;
    skipInvalid?: boolean;
    schema?: Schema;
    sortKeys?: boolean;
    useAnchors?: boolean;
  }
  export function parse(content: string, options?: ParseOptions): unknown;
  export function parseAll(content: string, options?: ParseOptions): unknown[];
  export function stringify(data: unknown, options?: StringifyOptions): string;
}

declare module "@std/path/posix" {
  export function basename(path: string, suffix?: string): string;
  export function dirname(path: string): string;
  export function extname(path: string): string;
  export function isAbsolute(path: string): boolean;
  export function join(...paths: string[]): string;
  export function normalize(path: string): string;
  export function relative(from: string, to: string): string;
  export function resolve(...paths: string[]): string;
  export function fromFileUrl(url: string | URL): string;
  export function toFileUrl(path: string): URL;
}

declare module "@std/path" {
  export * from "@std/path/posix";
}

declare module "@std/bytes" {
  export function concat(buffers: Iterable<Uint8Array>): Uint8Array;
}

declare module "@std/text" {
  export function closestString(word: string, possibleWords: readonly string[]): string;
  export function levenshteinDistance(a: string, b: string): number;
}

declare module "@std/assert" {
  export class AssertionError extends Error {}
  export function assert(expr: unknown, msg?: string): asserts expr;
  export function assertFalse(expr: unknown, msg?: string): void;
  export function assertEquals<T>(actual: T, expected: T, msg?: string): void;
  export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void;
  export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T;
  export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T>;
  export function assertMatch(actual: string, expected: RegExp, msg?: string): void;
  export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void;
  export function assertStringIncludes(actual: string, expected: string, msg?: string): void;
  export function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, msg?: string): void;
  export function assertObjectMatch(actual: object, expected: object, msg?: string): void;
  export function assertGreater<T>(actual: T, expected: T, msg?: string): void;
  export function assertLess<T>(actual: T, expected: T, msg?: string): void;
  export function assertThrows(fn: () => unknown, msg?: string): unknown;
  export function assertThrows<E extends Error>(
    fn: () => unknown,
    errorClass: new (...args: never[]) => E,
    msgIncludes?: string,
    msg?: string,
  ): E;
  export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
  export function assertRejects<E extends Error>(
    fn: () => PromiseLike<unknown>,
    errorClass: new (...args: never[]) => E,
    msgIncludes?: string,
    msg?: string,
  ): Promise<E>;
  export function fail(msg?: string): never;
  export function unreachable(reason?: string): never;
}
