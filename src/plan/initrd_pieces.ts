import { describeInitrd } from "../image/describe.ts";
import type { InitrdFile } from "../image/boot_files.ts";
import type { InitrdPlacement } from "./initrd_placement.ts";
import { type FileLoadCall, type PlannedFile, plannedFile } from "./plan.ts";

/**
 * The bootconfig of the last initrd that is a file, where archives that are made at load follow: it has to stay last, or the
 * kernel does not find it (get_boot_config_from_initrd in init/main.c, Linux 7.2). `size`: bytes at the end of the file.
 */
export function movedBootconfig(
  initrd: readonly InitrdFile[],
): { readonly index: number; readonly size: number } | undefined {
  const index = initrd.findLastIndex(({ overlay }) => overlay === undefined);
  const content = initrd[index]?.content;
  if (index === initrd.length - 1 || content?.kind !== "whole" || content.bootconfig === 0) return undefined;
  return { index, size: content.bootconfig };
}

/** The same as a call of kexec_file_load names it. */
export function plannedBootconfig(initrd: readonly InitrdFile[]): FileLoadCall["bootconfig"] {
  const moved = movedBootconfig(initrd);
  const path = moved === undefined ? undefined : initrd[moved.index]?.path;
  return moved === undefined || path === undefined ? undefined : { path, size: moved.size };
}

/** The initrds as a call names them. */
export function plannedInitrds(initrd: readonly InitrdFile[]): readonly PlannedFile[] {
  return initrd.map((file) => plannedFile(file, aboutInitrd(file)));
}

/** What an initrd is, in a line for people. */
function aboutInitrd({ info, overlay }: InitrdFile): string {
  if (overlay === undefined) return describeInitrd(info);
  const count = overlay.files.length;
  return `${count} ${count === 1 ? "file" : "files"}, an archive that is made at load`;
}

/** A part of the next initrd that is placed by itself. */
export interface InitrdPiece {
  /** The name of its segment. */
  readonly name: string;
  /** What it is a part of. */
  readonly placement: InitrdPlacement;
  /** From the start of what is placed, bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** The initrds in the order in which they are placed: a bootconfig that has to stay last is a piece of its own. */
export function initrdPieces(placements: readonly InitrdPlacement[]): readonly InitrdPiece[] {
  const moved = movedBootconfig(placements.map(({ file }) => file));
  const pieces = placements.map((placement, index): InitrdPiece => ({
    name: placements.length === 1 ? "initrd" : `initrd ${index + 1}`,
    placement,
    offset: 0,
    size: placement.size - (moved?.index === index ? moved.size : 0),
  }));
  const last = moved === undefined ? undefined : placements[moved.index];
  if (moved === undefined || last === undefined) return pieces;
  const { size } = moved;
  return [...pieces, { name: BOOTCONFIG, placement: last, offset: last.size - size, size }];
}

/** The name of the segment of a bootconfig that comes after archives made at load. */
export const BOOTCONFIG = "bootconfig";
