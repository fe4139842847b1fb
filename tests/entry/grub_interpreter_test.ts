import { assertEquals } from "@std/assert";
import { type Run, runFile } from "../../src/entry/grub/interpreter.ts";
import { firstState, NOTHING } from "../../src/entry/grub/state.ts";
import { isKnown, type Value } from "../../src/entry/grub/value.ts";
import { mountsOf } from "../../src/entry/file_systems.ts";
import { layout, type LayoutFiles } from "../support/boot_layout.ts";

const HOST: LayoutFiles = {
  "/proc/self/mountinfo": "24 1 8:2 / / rw - ext4 /dev/sda2 rw\n25 24 8:3 / /boot rw - ext4 /dev/sda3 rw\n",
  "/run/udev/data/b8:3": "E:ID_FS_UUID=u-boot\nE:ID_FS_LABEL_ENC=BOOT\n",
  "/boot/vmlinuz": "k",
  "/boot/initrd.img": "i",
};

/** A value as a text; what is not known in angle brackets. */
const shown = (value: Value): string => isKnown(value) ? value : `<${value.unknown}>`;

/**
 * What a script leaves behind: the variables in lower case, the entries of its menu, what it has loaded, the last command's
 * status, and what is wrong with it. `root` is the file system of /boot.
 */
function ran(script: string, files: LayoutFiles = {}): { readonly [key: string]: unknown } {
  const host = layout({ ...HOST, ...files, "/boot/grub/grub.cfg": script });
  const run: Run = {
    host: { files: host, mounts: mountsOf(host) },
    platform: "x86_64-efi",
    bootDevice: undefined,
    warnings: [],
    moreWarnings: 0,
    commands: new Map(),
    environments: [],
    fault: undefined,
    config: "/boot/grub/grub.cfg",
    defaultSetAt: undefined,
    steps: 0,
    depth: 0,
  };
  const state = firstState(
    new Map<string, Value>([["root", "fs-device/8:3"], ["prefix", "(fs-device/8:3)/grub"]]),
  );
  const signal = runFile(run, state, "/boot/grub/grub.cfg");
  const variables = [...state.variables].filter(([name]) => name.length < 3);
  const loaded = state.loaded;
  const fileOf = (file: { readonly text: Value; readonly found: { readonly kind: string; readonly path?: string } }) =>
    file.found.kind === "path" ? file.found.path : shown(file.text);
  return {
    ...(variables.length === 0 ? {} : { set: variables.map(([name, value]) => `${name}=${shown(value)}`).join(" ") }),
    ...(state.menu.length === 0 ? {} : {
      menu: state.menu.map((item) =>
        item.kind === "unknown"
          ? `<${item.why}>`
          : `${item.isSubmenu ? "submenu " : ""}${item.id}: ${item.args.map(shown)}${item.isRestricted ? "" : ", free"}`
      ),
    }),
    ...("unknown" in loaded ? { loaded: `<${loaded.unknown}>` } : loaded === NOTHING ? {} : {
      loaded: [
        ...(loaded.kernel === undefined ? [] : [
          `${loaded.kernel.isProgram ? "program " : ""}${fileOf(loaded.kernel)}: ${loaded.kernel.args.map(shown)}`,
        ]),
        ...loaded.initrd.map(fileOf),
        ...(loaded.dtb === undefined ? [] : [`dtb ${fileOf(loaded.dtb)}`]),
      ],
    }),
    status: state.status === undefined ? "?" : state.status,
    ...(signal === "next" ? {} : { signal }),
    ...(run.warnings.length === 0 ? {} : { warnings: run.warnings.map(({ message }) => message) }),
    ...(run.fault === undefined ? {} : { fault: run.fault.message, line: run.fault.position?.line }),
    ...(run.config === "/boot/grub/grub.cfg" ? {} : { config: run.config }),
  };
}

/** Only the variables that a script leaves. */
const set = (script: string, files: LayoutFiles = {}) => ran(script, files).set;

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const ARGS = 'function f { set a="$#"; set b="$1"; set c="$2$3"; set d="$0"; }\n';

pure("variables of GRUB: assignments, quotes, splitting, arguments of functions, and those that GRUB sets", () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ["set a=b", "a=b"],
    ["set a=b=c; set b", "a=b=c"],
    ["set a='b c'; set d=$a; set e=\"$a\"", "a=b c d=b e=b c"],
    ['a=1; b=$a$a; c="x${a}y"', "a=1 b=11 c=x1y"],
    ['set a=1; unset a; if [ -z "$a" ]; then set b=2; fi', "a= b=2"],
    [
      "set a=$fw_path; set b=x$net_ip; b2=$cmdpath",
      "a=<`fw_path`, which GRUB sets> b=<`net_ip`, which GRUB sets> b2=<`cmdpath`, which GRUB sets>",
    ],
    ['set a=$gone; set b="$gone"', "a= b="],
    [`${ARGS}f`, "a=0 b= c= d="],
    [`${ARGS}f x 'y z'`, "a=2 b=x c=y z d="],
    [`${ARGS}set x='p q'; f $x r`, "x=p q a=3 b=p c=qr d="],
    [`${ARGS}set x='p q'; f "$x" r`, "x=p q a=2 b=p q c=r d="],
    [`${ARGS}set x='  p  q '; f a$x`, "x=  p  q  a=2 b=ap c=q d="],
    ["function f { for i in $@; do set a=$i$a; done; }\nf 1 2 3", "i=3 a=321"],
    ['function f { set a="$*"; g $@; }\nfunction g { set b="$#"; }\nf 1 \'2 3\'', "a=1 2 3 b=3"],
    ['function f { g "$@"; }\nfunction g { set b="$#:$2"; }\nf 1 \'2 3\'', "b=2:2 3"],
    ["true; set a=$?; false; set b=$?; acpi; set c=$?", "a=0 b=1 c=<whether a command succeeds>"],
    ["false; a=1; set b=$?", "a=1 b=0"],
    ["export; set a=$?; export a; set b=$?", "a=1 b=0"],
    ["false; : x; set a=$?", "a=0"],
    ["false; unset x; set a=$?", "x= a=0"],
    ["false; setparams x; set a=$?; false; devicetree /b.dtb; set b=$?", "a=0 b=0"],
    ["false; initrd /x; set a=$?; false; linux /x; set b=$?", "a=0 b=0"],
    ["set a=$my_lockdown; set b=$lockdowns", "a= b="],
    ["set a=5; increment a; decrement b; set c=x; increment c", "a=6 b=-1 c=1"],
    ["for i in 1 2; do set a=$i; done", "i=2 a=2"],
    ["for i in; do set a=$i; done; set b=1", "b=1"],
    ["set a=1\r\nset b=2\r\n", "a=1 b=2"],
    ["save_env a; set b=$?", "b=<whether a command succeeds>"],
  ];
  assertEquals(rows.map(([script]) => [script, set(script)]), rows.map(([script, expected]) => [script, expected]));
});

pure("conditions and loops of GRUB: which way they go, and how they are left", () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ["if true; then set a=1; else set a=2; fi", "a=1"],
    ["if false; then set a=1; elif true; then set a=2; else set a=3; fi", "a=2"],
    ["if false; then set a=1; elif false; then set a=2; else set a=3; fi", "a=3"],
    ["if ! true; then set a=1; else set a=2; fi", "a=2"],
    ["if ! false; then set a=1; fi", "a=1"],
    ["set a=0; while [ $a -lt 3 ]; do increment a; done", "a=3"],
    ["set a=0; until [ $a -ge 3 ]; do increment a; done", "a=3"],
    ["for i in 1 2 3; do if [ $i = 2 ]; then break; fi; set a=$i; done; set b=1", "i=2 a=1 b=1"],
    ["for i in 1 2 3; do if [ $i = 2 ]; then continue; fi; set a=$a$i; done", "i=3 a=13"],
    ["set a=0; while true; do increment a; if [ $a = 4 ]; then break; fi; done; set b=1", "a=4 b=1"],
    ["set a=0; while [ $a -lt 3 ]; do increment a; continue; set b=1; done", "a=3"],
    ["function f { set a=1; return; set a=2; }\nf; set b=1", "a=1 b=1"],
    ["function f { for i in 1 2; do return 1; done; }\nf; set a=$?; set b=$i", "i=1 a=1 b=1"],
    ["function f { while true; do return 0; done; }\nf; set a=$?", "a=0"],
    ["function f { return $fw_path; }\nf; set a=$?", "a=<whether a command succeeds>"],
    [
      "if [ -f /vmlinuz ]; then set a=1; fi; if [ -f /gone ]; then set b=1; fi; if test -d /grub; then set c=1; fi",
      "a=1",
    ],
    [
      'if [ "$fw_path" = x ]; then set a=1; set b=2; else set a=1; set b=3; fi',
      "a=1 b=<the condition at /boot/grub/grub.cfg:1>",
    ],
    [
      'if [ $fw_path = x ]; then set a=1; fi; if [ -n "$a" ]; then set b=1; fi',
      "a=<the condition at /boot/grub/grub.cfg:1> b=<the condition at /boot/grub/grub.cfg:1>",
    ],
    ["if [ (hd0,1) = $root ]; then set a=1; else set a=2; fi", "a=<the condition at /boot/grub/grub.cfg:1>"],
    // A name of a device is compared with nothing, and is one.
    ["if [ -z $root ]; then set a=1; else set a=2; fi", "a=2"],
    ["if [ -n $root ]; then set a=1; fi; if [ $root ]; then set b=1; fi", "a=1 b=1"],
    ["if [ -e ($root)/vmlinuz ]; then set a=1; fi; if [ -d ($root)/vmlinuz ]; then set b=1; fi", "a=1"],
    ["if [ -s ($root)/vmlinuz ]; then set a=1; fi; if [ -f ($root)/gone ]; then set b=1; fi", "a=1"],
    ["boot; set a=1", undefined],
    ["function f { boot; }\nf; set a=1", undefined],
    ["function f { set a=1; }\nfunction f { set a=2; }\nf", "a=2"],
    ["function f { set a=1; }\nf\nfunction f { set b=2; }\nf", "a=1 b=2"],
  ];
  assertEquals(rows.map(([script]) => [script, set(script)]), rows.map(([script, expected]) => [script, expected]));
});

pure("what cannot be followed is refused with its line; what has no effect is passed over", () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ["echo a; set a=1", { set: "a=1", status: true }],
    ["true\nwhile [ $fw_path = x ]; do set a=1; done", {
      status: "?",
      signal: "stop",
      fault: "Cannot know how often the loop at /boot/grub/grub.cfg:2 runs",
      line: 2,
    }],
    ["while true; do set a=1; done", {
      set: "a=1",
      status: true,
      signal: "stop",
      fault: "GRUB's configuration takes too many steps to follow",
      line: 1,
    }],
    ["function f { f; }\nf", {
      status: true,
      signal: "stop",
      fault: "Functions and files call each other more than 50 deep at /boot/grub/grub.cfg:1",
      line: 1,
    }],
    ["$fw_path x", {
      status: true,
      signal: "stop",
      fault: "Which command /boot/grub/grub.cfg:1 runs depends on `fw_path`, which GRUB sets",
      line: 1,
    }],
    ["! $fw_path", {
      status: true,
      signal: "stop",
      fault: "Which command /boot/grub/grub.cfg:1 runs depends on `fw_path`, which GRUB sets",
      line: 1,
    }],
    ["a=$fw_path", { set: "a=<`fw_path`, which GRUB sets>", status: true }],
    ["set $fw_path=1", {
      status: true,
      signal: "stop",
      fault: "Which variable /boot/grub/grub.cfg:1 sets depends on `fw_path`, which GRUB sets",
      line: 1,
    }],
    ["set =x; set b=$?", { set: "b=1", status: true }],
    ["fwsetup", {
      status: true,
      signal: "stop",
      fault: "The command `fwsetup` opens the setup of the firmware, which kexec cannot do",
      line: 1,
    }],
    ["fwsetup --is-supported", { status: "?" }],
    ["probe -s a -u $root; probe --set=b x", {
      set: "a=<what `probe` finds at /boot/grub/grub.cfg:1> b=<what `probe` finds at /boot/grub/grub.cfg:1>",
      status: "?",
    }],
    ["regexp --set 1:a --set 2:b x y; smbios --set c -t 1", {
      set:
        "a=<what `regexp` finds at /boot/grub/grub.cfg:1> b=<what `regexp` finds at /boot/grub/grub.cfg:1> c=<what `smbios` finds at /boot/grub/grub.cfg:1>",
      status: "?",
    }],
    ["probe --set=$fw_path", {
      status: "?",
      signal: "stop",
      fault: "Which variable /boot/grub/grub.cfg:1 sets depends on what only GRUB knows",
      line: 1,
    }],
    ["exit", { status: true, signal: "stop", fault: "The command `exit` leaves GRUB, which kexec cannot do", line: 1 }],
    ["multiboot2 /xen", {
      status: true,
      signal: "stop",
      fault: "The command `multiboot2` starts a Multiboot kernel, which kexec cannot do",
      line: 1,
    }],
    ["frob", {
      status: true,
      signal: "stop",
      fault: "The command `frob` at /boot/grub/grub.cfg:1 is not understood, and could change what GRUB boots",
      line: 1,
    }],
    ["for i in 1 2; do for j in 1 2; do break 2; done; done", {
      set: "i=1 j=1",
      status: true,
      signal: "stop",
      fault: "/boot/grub/grub.cfg:1 leaves several loops at once, which is not followed",
      line: 1,
    }],
    ["if [ $fw_path = x ]; then return; fi; set a=1", {
      status: "?",
      signal: "stop",
      fault: "What comes after /boot/grub/grub.cfg:1 depends on a condition that only GRUB knows",
      line: 1,
    }],
    ["if [ $fw_path = x ]; then function f { set a=1; }; fi; f", {
      status: true,
      signal: "stop",
      fault:
        "/boot/grub/grub.cfg has `function` where a command begins in `if [ $fw_path = x ]; then function f { set a=1; }; fi; f`",
      line: 1,
    }],
    ["if [ $fw_path = x ]; then menuentry a { true; }; fi; menuentry b { true; }", {
      menu: ["<the condition at /boot/grub/grub.cfg:1>", "b: b"],
      status: true,
    }],
    ["if [ $fw_path = x ]; then linux /vmlinuz; fi", {
      loaded: "<the condition at /boot/grub/grub.cfg:1>",
      status: "?",
    }],
    ["set a='b", {
      status: true,
      signal: "stop",
      fault: "/boot/grub/grub.cfg has an unclosed quote in `set a='b`",
      line: 1,
    }],
    ["linux /v*", { loaded: ["<the files that match /v*>: "], status: true }],
    // What has returned is not deep any more.
    [`function f { true; }\n${"f\n".repeat(60)}set a=1`, { set: "a=1", status: true }],
  ];
  assertEquals(rows.map(([script]) => [script, ran(script)]), rows.map(([script, expected]) => [script, expected]));
  const doubled = (times: number) => ran(`set a=x; for i in ${"1 ".repeat(times)}; do set a=$a$a; done`).fault;
  assertEquals([doubled(15), doubled(16)], [
    undefined,
    "A value at /boot/grub/grub.cfg:1 is longer than 65536 bytes",
  ]);
});

pure("a command that changes nothing of what is booted is passed over, and whether it succeeds is not known", () => {
  const commands = ("acpi authenticate background_color background_image badram blocklist cat clear cls cmosclean " +
    "cmosdump cmosset cmostest cmp crc cryptomount cutmem date distrust drivemap echo efitextmode file gettext gptsync " +
    "hashsum hdparm help hexdump insmod keymap keystatus list_env list_trusted loadfont ls lsfonts lsmod lspci md5sum " +
    "nativedisk password password_pbkdf2 play rmmod serial sha1sum sha256sum sha512sum sleep terminal_input " +
    "terminal_output terminfo trust usb vbeinfo verify_detached versioncheck videoinfo videomode cpuid bli tpm2_dump_pcr " +
    "tpm2_key_protector_clear tpm2_key_protector_init").split(" ");
  for (const command of commands) assertEquals([command, ran(`${command} x`)], [command, { status: "?" }]);
  const others =
    "multiboot multiboot2 xen_hypervisor xen_linux kfreebsd knetbsd kopenbsd xnu_kernel xnu_kernel64 ntldr " +
    "freedos plan9 truecrypt pxechainloader halt reboot exit";
  for (const command of others.split(" ")) {
    const fault = String(ran(`${command} /x`).fault);
    assertEquals(
      [command, fault.startsWith(`The command \`${command}\` `), fault.endsWith(", which kexec cannot do")],
      [
        command,
        true,
        true,
      ],
    );
  }
  const assigned =
    "read a;hwmatch x;tr --set=a x;tr -s a x;rdmsr -v a 1;inb --variable=a 1;inw -v a;inl -v a;getenv x a;" +
    "zfs-bootfs x a;regexp -s a x y;probe --set a -u x";
  for (const line of assigned.split(";")) {
    const [command = ""] = line.split(" ");
    const name = command === "hwmatch" ? "match" : "a";
    assertEquals([line, ran(`${line}\nset b=$${name}`).set], [
      line,
      `${
        name === "a" ? `a=<what \`${command}\` finds at /boot/grub/grub.cfg:1> ` : ""
      }b=<what \`${command}\` finds at /boot/grub/grub.cfg:1>`,
    ]);
  }
  assertEquals(ran("set a=$fw_path; false; increment a"), { set: "a=<`fw_path`, which GRUB sets>", status: true });
});

pure("what is empty, unknown or cut short does what GRUB does with it, or is refused", () => {
  const files = {
    "/boot/denied.cfg": { error: "EACCES" },
    "/boot/f.cfg": "function f { set a=1; }\n",
  };
  const rows: readonly (readonly [string, unknown])[] = [
    ["false; $gone; set a=$?", { set: "a=0", status: true }],
    ["false; set; set a=$?", { set: "a=0", status: true }],
    ["unset $fw_path x; export $fw_path", { set: "x=", status: true }],
    ["increment; increment $fw_path; set a=1", { set: "a=1", status: true }],
    ["save_env -f (hd9)/x a; set a=$?", { set: "a=<whether a command succeeds>", status: true }],
    ["function f { while return; do set a=1; done; set b=1; }\nf", { status: true }],
    ["for i in 1 2; do if break; then set a=1; fi; set b=1; done", { set: "i=1", status: true }],
    ["if [ $fw_path ]; then linux /vmlinuz; fi; initrd /initrd.img; devicetree /x", {
      loaded: "<the condition at /boot/grub/grub.cfg:1>",
      status: true,
    }],
    ["load_env -f /denied.cfg", {
      status: true,
      signal: "stop",
      fault: "GRUB reads its saved variables at /boot/grub/grub.cfg:1, and these cannot be found: " +
        "/boot/denied.cfg cannot be read",
      line: 1,
    }],
    ["source /denied.cfg", {
      status: true,
      signal: "stop",
      fault: "Cannot read /boot/denied.cfg, which GRUB reads",
      line: 1,
    }],
    ["if [ $fw_path ]; then source /f.cfg; fi; f", {
      status: "?",
      signal: "stop",
      fault: "What the function \`f\` does depends on the condition at /boot/grub/grub.cfg:1",
      line: 1,
    }],
    // Where the list of commands is not known, neither is what such a command does.
    ["set prefix=(hd9)/x; frob", {
      status: true,
      signal: "stop",
      fault: "The command \`frob\` at /boot/grub/grub.cfg:1 is not understood, and could change what GRUB boots",
      line: 1,
    }],
  ];
  assertEquals(
    rows.map(([script]) => [script, ran(script, files)]),
    rows.map(([script, expected]) => [script, expected]),
  );
});

pure("a command that this GRUB does not have is named, and passed over", () => {
  const commands = { "/boot/grub/x86_64-efi/command.lst": "*frob: frob\nmap: map\n" };
  assertEquals(ran("true\nwarmup --fast\nset a=1", commands), {
    set: "a=1",
    status: true,
    warnings: [
      "`warmup` at /boot/grub/grub.cfg:2 is neither a command of this GRUB nor a function: GRUB reports it and goes on",
    ],
  });
  assertEquals(set("true; warmup; set a=$?", commands), "a=<whether a command succeeds>");
  assertEquals(ran("frob", commands), {
    status: true,
    signal: "stop",
    fault: "The command `frob` at /boot/grub/grub.cfg:1 is not understood, and could change what GRUB boots",
    line: 1,
  });
});

pure("entries of the menu: options, names, arguments, and those of submenus", () => {
  assertEquals(
    ran(`menuentry 'One, first' --class a --class=b --id one --unrestricted x y { true; }
menuentry Two --hotkey=t --users "" { true; }
menuentry $fw_path --id three { true; }
menuentry --source x { true; }
menuentry Four --id=$fw_path { true; }
submenu More --id more { menuentry Inner { true; } }
menuentry
menuentry Five --id $fw_path { true; }
menuentry Last --id '' { true; }
menuentry Copied --source other.cfg { true; }
menuentry Joined --id=joined=1 { true; }
menuentry Other --bogus x --bogus=y { true; }`),
    {
      menu: [
        "one: One, first,x,y, free",
        "Two: Two",
        "<the name of the entry at /boot/grub/grub.cfg:3>",
        "Four: Four,<`fw_path`, which GRUB sets>",
        "submenu more: More",
        "<the name of the entry at /boot/grub/grub.cfg:8>",
        ": Last",
        "<the name of the entry at /boot/grub/grub.cfg:10>",
        "joined=1: Joined",
        "Other: Other,x",
      ],
      status: true,
    },
  );
});

pure("kernels, initrds and device trees: where they are found, and what a further one replaces", () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ["linux /vmlinuz root=x ro; initrd /initrd.img /gone.img; devicetree /b.dtb", {
      loaded: ["/boot/vmlinuz: root=x,ro", "/boot/initrd.img", "/boot/gone.img", "dtb /boot/b.dtb"],
      status: true,
    }],
    ["linux16 /vmlinuz a; initrd16 /initrd.img; linuxefi /vmlinuz b; initrdefi /initrd.img", {
      loaded: ["/boot/vmlinuz: b", "/boot/initrd.img"],
      status: true,
    }],
    ["initrd /initrd.img; initrd /gone.img", { loaded: ["/boot/gone.img"], status: true }],
    ["linux /vmlinuz a; initrd /initrd.img; devicetree /b.dtb; linux /vmlinuz b", {
      loaded: ["/boot/vmlinuz: b"],
      status: true,
    }],
    ["linux /vmlinuz a --b -- single", { loaded: ["/boot/vmlinuz: a,--b,--,single"], status: true }],
    ["chainloader --force /vmlinuz", { loaded: ["program /boot/vmlinuz: "], status: true }],
    ['linux ($root)/vmlinuz "a b" $fw_path', {
      loaded: ["/boot/vmlinuz: a b,<`fw_path`, which GRUB sets>"],
      status: true,
    }],
    ["set root=hd0,gpt9; linux /vmlinuz", { loaded: ["/vmlinuz: "], status: true }],
    ["linux /vmlinuz?", { loaded: ["<the files that match /vmlinuz?>: "], status: true }],
    ["linux /v*; linux /vmlinuz a* 'b*' c\\*", { loaded: ["/boot/vmlinuz: a*,b*,c*"], status: true }],
    ["linux /vmlinuz a/b* c(d)?", { loaded: ["/boot/vmlinuz: a/b*,c(d)?"], status: true }],
    ["linux /vmlinuz a; if [ $fw_path ]; then true; fi", { loaded: ["/boot/vmlinuz: a"], status: "?" }],
    ["linux", { status: false }],
    ["devicetree", { status: true }],
  ];
  assertEquals(rows.map(([script]) => [script, ran(script)]), rows.map(([script, expected]) => [script, expected]));
});

pure("`search` sets the file system that it finds, in each of its forms", () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ["search --no-floppy --fs-uuid --set=a u-boot", { set: "a=fs-uuid/u-boot", status: true }],
    ["search -u u-boot -s a", { set: "a=fs-uuid/u-boot", status: true }],
    ["search -us a u-boot", { set: "a=fs-uuid/u-boot", status: true }],
    ["search --label --set a BOOT", { set: "a=fs-label/BOOT", status: true }],
    ["search --label BOOT --set; set a=$root", { set: "a=fs-label/BOOT", status: true }],
    ["search -l -h hd0 --hint-efi x --set=a BOOT", { set: "a=fs-label/BOOT", status: true }],
    ["search --hint-bios=hd0 --file --set=a /vmlinuz", { set: "a=fs-device/8:3", status: true }],
    ["search --file --set=a /gone", {
      set: "a=<which file system has /gone, which /boot/grub/grub.cfg:1 searches for>",
      status: "?",
    }],
    ["search -f /vmlinuz -s a", { set: "a=fs-device/8:3", status: true }],
    ["search -l BOOT -s a; search -n -u u-boot -s b", { set: "a=fs-label/BOOT b=fs-uuid/u-boot", status: true }],
    ["search --hint hd0,gpt2 -l --set=a BOOT", { set: "a=fs-label/BOOT", status: true }],
    ["search --set=a", { status: false }],
    ["search --fs-uuid u-boot; set a=$?", { set: "a=0", status: true }],
    ["search --fs-uuid other; set a=$root", { set: "a=fs-device/8:3", status: true }],
    ["search --fs-uuid --set=a", { status: true }],
    ["search --fs-uuid $fw_path --set=a", {
      status: true,
      signal: "stop",
      fault: "What GRUB searches for at /boot/grub/grub.cfg:1 depends on `fw_path`, which GRUB sets",
      line: 1,
    }],
    ["search.fs_uuid u-boot a; search.fs_label BOOT b; search.file /vmlinuz c", {
      set: "a=fs-uuid/u-boot b=fs-label/BOOT c=fs-device/8:3",
      status: true,
    }],
    ["search.fs_uuid; search.fs_uuid u-boot", { status: true }],
    ["search.fs_label $fw_path a", {
      status: true,
      signal: "stop",
      fault: "What GRUB searches for at /boot/grub/grub.cfg:1 depends on what only GRUB knows",
      line: 1,
    }],
  ];
  assertEquals(rows.map(([script]) => [script, ran(script)]), rows.map(([script, expected]) => [script, expected]));
});

pure("other files and saved variables: read where they are, refused where that is not known", () => {
  const block = (text: string) => `# GRUB Environment Block\n${text}`.padEnd(1024, "#");
  const files = {
    "/boot/grub/grubenv": block("a=1\nb=2\n"),
    "/boot/env": block("a=3\nc=4\n"),
    "/boot/broken": "a=5\n",
    "/boot/more.cfg": "set a=1\nreturn\nset b=1\n",
    "/boot/stop.cfg": "set a=1\nboot\n",
    "/boot/other.cfg": "set a=$config_file; set b=$config_directory; menuentry Other { true; }\n",
    "/boot/sub/other.cfg": "set a=$config_file; set b=$config_directory\n",
    "/boot/self.cfg": "source /self.cfg\n",
  };
  const rows: readonly (readonly [string, unknown])[] = [
    ["load_env", { set: "a=1 b=2", status: true }],
    ["load_env $fw_path", { set: "a=1 b=2", status: true }],
    ["load_env b", { set: "b=2", status: true }],
    ["load_env -f /env c", { set: "c=4", status: true }],
    ["load_env --file /env --skip-sig", { set: "a=3 c=4", status: true }],
    ["load_env --file=/env a", { set: "a=3", status: true }],
    ["load_env -f /gone; set a=$?", { set: "a=1", status: true }],
    ["load_env -f /broken; set b=$?", { set: "b=1", status: true }],
    ["load_env -f (hd9,9)/x", {
      status: true,
      signal: "stop",
      fault:
        "GRUB reads its saved variables at /boot/grub/grub.cfg:1, and these cannot be found: `hd9,9` is a name that only GRUB knows, and not searched for",
      line: 1,
    }],
    ["source /more.cfg; set c=1", { set: "a=1 c=1", status: true }],
    [". /gone.cfg; set c=$?", { set: "c=1", status: true }],
    ["source (hd9,9)/x", {
      status: true,
      signal: "stop",
      fault:
        "GRUB reads another file at /boot/grub/grub.cfg:1, which cannot be found: `hd9,9` is a name that only GRUB knows, and not searched for",
      line: 1,
    }],
    ["source /stop.cfg; set c=1", { set: "a=1", status: true, signal: "stop" }],
    ["source /self.cfg", {
      status: true,
      signal: "stop",
      fault: "Functions and files call each other more than 50 deep at /boot/self.cfg:1",
      line: 1,
    }],
    ["menuentry Own { true; }; configfile /other.cfg; set c=1", {
      set: "a=/other.cfg b=",
      menu: ["Other: Other"],
      status: true,
      signal: "stop",
      config: "/boot/other.cfg",
    }],
    ["configfile ($root)/sub/other.cfg", {
      set: "a=(fs-device/8:3)/sub/other.cfg b=(fs-device/8:3)/sub",
      status: true,
      signal: "stop",
      config: "/boot/sub/other.cfg",
    }],
    ["configfile /gone.cfg; set c=$?", { set: "c=1", status: true }],
    ["normal (hd9,9)/x", {
      status: true,
      signal: "stop",
      fault:
        "GRUB goes on with another file at /boot/grub/grub.cfg:1, which cannot be found: `hd9,9` is a name that only GRUB knows, and not searched for",
      line: 1,
    }],
    ["set prefix=(hd9,9)/x; load_env", {
      status: true,
      signal: "stop",
      fault:
        "GRUB reads its saved variables at /boot/grub/grub.cfg:1, and these cannot be found: `hd9,9` is a name that only GRUB knows, and not searched for",
      line: 1,
    }],
  ];
  assertEquals(
    rows.map(([script]) => [script, ran(script, files)]),
    rows.map(([script, expected]) => [script, expected]),
  );
});

pure("boot loader entries are added from where they lie, all of them, one, or the default", () => {
  const entry = (title: string) => `title ${title}\nlinux /vmlinuz\n`;
  const files = {
    "/boot/loader/entries/a.conf": entry("A"),
    "/boot/loader/entries/b.conf": entry("B"),
    "/boot/mine/c.conf": entry("C"),
  };
  const rows: readonly (readonly [string, unknown])[] = [
    ["blscfg", { menu: ["b: B, free", "a: A, free"], status: true }],
    ["blscfg a", { menu: ["a: A, free"], status: true }],
    ["set default=b; blscfg default", { menu: ["b: B, free"], status: true }],
    ["set default=1; blscfg non-default", { menu: ["b: B, free"], status: true }],
    ["set default=B; blscfg default", { menu: ["b: B, free"], status: true }],
    ["false; blscfg -n; set z=$?", { set: "z=0", menu: ["b: B, free", "a: A, free"], status: true }],
    ["set blsdir=/mine; blscfg", { menu: ["c: C, free"], status: true }],
    ["set blsdir=(hd9,9)/x; blscfg", {
      status: true,
      signal: "stop",
      fault:
        "GRUB reads boot loader entries at /boot/grub/grub.cfg:1, which cannot be found: `hd9,9` is a name that only GRUB knows, and not searched for",
      line: 1,
    }],
    ["set default=$fw_path; blscfg default", {
      status: true,
      signal: "stop",
      fault: "Which entries `blscfg` adds at /boot/grub/grub.cfg:1 depends on `fw_path`, which GRUB sets",
      line: 1,
    }],
    ["blscfg (hd0)/x", {
      status: true,
      signal: "stop",
      fault: "Which entries `blscfg` adds at /boot/grub/grub.cfg:1 is not understood",
      line: 1,
    }],
    ["blscfg a b", {
      status: true,
      signal: "stop",
      fault: "Which entries `blscfg` adds at /boot/grub/grub.cfg:1 is not understood",
      line: 1,
    }],
  ];
  assertEquals(
    rows.map(([script]) => [script, ran(script, files)]),
    rows.map(([script, expected]) => [script, expected]),
  );
  const below = { "/boot/boot/loader/entries/d.conf": entry("D") };
  assertEquals(ran("blscfg", below).menu, ["d: D, free"]);
  assertEquals(ran("blscfg", { ...below, "/boot/loader/entries/e.conf": entry("E") }).menu, ["e: E, free"]);
  // Which of the two commands it is, the list of modules says.
  const module = (name: string) => ({ ...files, "/boot/grub/x86_64-efi/command.lst": `*blscfg: ${name}\n` });
  assertEquals(["blscfg", "blsuki"].map((name) => ran("set blsdir=/mine; blscfg", module(name)).menu), [
    ["c: C, free"],
    ["b: B, free", "a: A, free"],
  ]);
});
