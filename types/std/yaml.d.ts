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
