/** The name that means standard input, and as an output standard output. */
export const STDIO = "-";

/** A descriptor of this process is read whatever it is: the shell made it for this call. Another FIFO might block forever. */
export function isStream(path: string): boolean {
  return /^\/(dev|proc\/self)\/fd\/\d+$|^\/dev\/std(in|out|err)$/.test(path);
}

/** Whether a path means standard input. */
export function isStdin(path: string): boolean {
  return path === STDIO || /^\/dev\/stdin$|^\/(?:dev|proc\/self)\/fd\/0$/.test(path);
}
