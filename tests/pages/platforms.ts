import { PLATFORMS } from "../../src/plan/platforms.ts";

/** docs/platforms.md, from the table of platforms. */
export function platformsPage(): string {
  const rows = PLATFORMS.map(({ name, title, reported, source, mayHelp, helps }) =>
    `| \`${name}\` | ${title} | ${reported} | ${source} | ${helps ?? mayHelp ?? ""} |`
  );
  return `<!-- Generated from src/plan/platforms.ts by \`deno task generate\`. -->

# Platforms

On some machines a kexec was reported not to come back. The rule \`platform\` warns there, and names the report. It never
refuses: a report may be old, or about another firmware. On all of them a reboot by the firmware works, so use that, or try
the kexec while someone can reach the machine.

Where it works, the profile can say so, and the warning ends: \`requires: { platform: NAME }\`. A profile that requires a
platform is refused on every other host.

| name | platform | what was reported | where | what may help |
|---|---|---|---|---|
${rows.join("\n")}

A platform is known by its DMI tables (\`/sys/class/dmi/id\`), its device tree, the name of its first CPU, or the flags of
that. Another rule, \`xen-domain\`, does refuse: in Xen's control domain and in paravirtualized guests (PV), a kexec is a
hypercall, which warmboot does not make.

The rule \`screen\` says where the screen may stay black: a DRM driver has it (\`/proc/fb\`), and the firmware left no
framebuffer, as on machines that a BIOS booted. Until a driver of the next kernel starts, only other consoles show what it
says; the rule names them, and warns where the command line has none.
`;
}
