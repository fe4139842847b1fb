export * from "./path_posix.d.ts";
