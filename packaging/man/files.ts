/** The files that matter, for the manual. */
export const FILES: readonly { readonly path: string; readonly doc: string }[] = [
  {
    path: "/etc/warmboot/NAME.yaml",
    doc: "The administrator's profile NAME. After it, /run/warmboot and /usr/lib/warmboot are searched.",
  },
  { path: "/etc/warmboot/NAME.yaml.d/*.yaml", doc: "Its drop-ins, in the order of their names." },
  { path: "/run/warmboot", doc: "Records of what is loaded, by whom and since when." },
  { path: "/var/cache/warmboot", doc: "Unpacked kernels, and compiled code of the units; may be removed at any time." },
];
