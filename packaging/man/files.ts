/** The files that count, for the manual. */
export const FILES: readonly { readonly path: string; readonly doc: string }[] = [
  {
    path: "/etc/warmboot/NAME.yaml",
    doc: "The profile NAME, the administrator's. Then come /run/warmboot and /usr/lib/warmboot.",
  },
  { path: "/etc/warmboot/NAME.yaml.d/*.yaml", doc: "Its drop-ins, in the order of their names." },
  { path: "/run/warmboot", doc: "Records of what is loaded, by whom and since when." },
  { path: "/var/cache/warmboot", doc: "Unpacked kernels, and compiled code of the units; may be removed at any time." },
];
