import type { Reading } from "../app/image_file.ts";
import { visible } from "../core/text.ts";
import type { Ports } from "./ports.ts";

const PATIENCE_MS = 500;

/** A progress line on a terminal, once hashing a file takes over half a second. */
export function progressOf({ err }: Ports): Reading {
  return (path) => {
    if (!err.isTerminal) return undefined;
    const start = performance.now();
    const { width } = err.layout;
    let shown = -1;
    return (done, total) => {
      if (performance.now() - start < PATIENCE_MS && shown < 0) return;
      const percent = Math.floor(done * 100 / total);
      if (done === total && shown >= 0) err.write("\r\x1b[K");
      else if (percent > shown) err.write(`\r\x1b[K${progressLine(path, percent, width)}`);
      shown = percent;
    };
  };
}

/** One line that leaves the last column free: a longer one would wrap, and could not be written over. */
export function progressLine(path: string, percent: number, width: number): string {
  const about = `: ${percent} %`;
  const room = width - 1 - "Reading ".length - about.length;
  return `Reading ${visible(path.length <= room ? path : `...${path.slice(path.length - room + 3)}`)}${about}`;
}
