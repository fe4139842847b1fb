import { markdownTable } from "../../bench/markdown_table.ts";
import { KEXEC_OPTIONS, type KexecOption, PLAIN_KERNEL } from "../../src/entry/kexec_command.ts";

/** The table of options in docs/kexec-tools.md, from the table by which `init --from-kexec` reads them. */
export function kexecOptionsTable(): string {
  const rows: { readonly options: string[]; readonly profile: string }[] = [];
  for (const option of KEXEC_OPTIONS) {
    const { effect } = option;
    const profile = effect.key === "without" ? instead(effect.instead) : effect.profile;
    const same = rows.find((row) => row.profile === profile);
    if (same === undefined) rows.push({ options: [written(option)], profile });
    else same.options.push(written(option));
  }
  const [load, ...more] = rows.map(({ options, profile }) => [options.join(", "), profile]);
  const plain = ["`KERNEL` alone", instead(PLAIN_KERNEL)];
  return markdownTable(["`kexec`", "warmboot"], [...(load === undefined ? [] : [load]), plain, ...more]);
}

/** What is a command of its own says so itself. */
function instead(text: string): string {
  return /^`warmboot (?!exec --now` )/.test(text) ? text : `none: ${text}`;
}

function written({ long, short, value, only }: KexecOption): string {
  const forms = [
    ...(short === undefined ? [] : [value === undefined ? `\`-${short}\`` : `\`-${short} ${value}\``]),
    value === undefined ? `\`--${long}\`` : `\`--${long}=${value}\``,
  ];
  return `${forms.join(", ")}${only === undefined ? "" : ` (${only})`}`;
}
