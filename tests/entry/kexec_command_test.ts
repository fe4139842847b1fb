import { assert, assertEquals } from "@std/assert";
import { KEXEC_OPTIONS, PLAIN_KERNEL, readKexecCommand } from "../../src/entry/kexec_command.ts";
import { shellWords } from "../../src/entry/shell_words.ts";
import { randomFrom } from "../fuzz/random.ts";

/** What a command asks for, without what it does not. */
function read(line: string): unknown {
  const found = readKexecCommand(line);
  if (found.kind === "fault") return found.message;
  return Object.fromEntries(
    Object.entries(found.command).filter(([, value]) =>
      value !== false && !(typeof value === "object" && Object.keys(value).length === 0)
    ),
  );
}

Deno.test({
  name: "a kexec command is read as a shell and getopt_long read it",
  permissions: "none",
  fn() {
    const reused = { kernel: "/boot/vmlinuz", initrd: "/boot/initrd.img", reuse: true };
    assertEquals(read("kexec -l /boot/vmlinuz --initrd=/boot/initrd.img --reuse-cmdline"), reused);
    assertEquals(read("sudo /sbin/kexec --load --ramdisk /boot/initrd.img /boot/vmlinuz --reuse-c"), reused);
    assertEquals(read('kexec -l \\\n  \'/boot/vm linuz\' --append="root=/dev/sda1 \\"x\\" ro"'), {
      kernel: "/boot/vm linuz",
      cmdline: 'root=/dev/sda1 "x" ro',
    });
    assertEquals(read("kexec -s -c -a -l -- -k"), { kernel: "-k" });
    assertEquals(read("kexec -p -c -i k --mem-min=0x1000 --mem-max 0x2fff --dtb=b"), {
      kernel: "k",
      crash: true,
      load: "kexec_load",
      unverified: true,
      memory: { min: 0x1000n, max: 0x3000n },
      dtb: "b",
    });
  },
});

Deno.test({
  name: "words of a command: quotes, escapes, comments, and what a shell replaces",
  permissions: "none",
  fn() {
    const words = (line: string): unknown => {
      const split = shellWords(line);
      if (split.kind === "fault") return split.message;
      return split.words.map((word) =>
        word.map(({ kind, text }) => kind === "text" ? text : kind === "shell" ? { shell: text } : { pattern: text })
      );
    };
    assertEquals(words(`a 'b c'"d e"f\\ g '' ""`), [["a"], ["b cd ef g"], [], []]);
    assertEquals(words(`"\\a\\"\\\\\\$x\\\`" '\\'`), [['\\a"\\$x`'], ["\\"]]);
    assertEquals(words('a\\\nb "c\\\nd"\t#e\n'), [["ab"], ["cd"]]);
    const unclosed = "The kexec command has an unclosed quote or bracket";
    assertEquals(['"${a', '"$(a', '"`a', "${a", "$(a (b)", "`a", "'a", '"a'].map(words), Array(8).fill(unclosed));
    assertEquals(words("a#b c;  # d"), [["a#b"], ["c"]]);
    assertEquals(words(`$A-"\${B}"-$(c "$(d)")-\`e\``), [[
      { shell: "$A" },
      "-",
      { shell: "${B}" },
      "-",
      { shell: '$(c "$(d)")' },
      "-",
      { shell: "`e`" },
    ]]);
    assertEquals(words(`'$A' "a$" $ '\`' 5$`), [["$A"], ["a$"], ["$"], ["`"], ["5$"]]);
    assertEquals(words(`~/a b~ "~" a*[0]? "*"`), [
      [{ pattern: "~" }, "/a"],
      ["b~"],
      ["~"],
      ["a", { pattern: "*" }, { pattern: "[" }, "0]", { pattern: "?" }],
      ["*"],
    ]);
    for (const open of ["'a", '"a', "`a", "$(a", "${a", '"$(a"', '"`a"', '"${a"']) {
      assertEquals(words(open), "The kexec command has an unclosed quote or bracket", open);
    }
    for (const end of [";", "&", "|", "<", ">", "(", ")"]) {
      assertEquals(words(`a ${end} b`), `Only one kexec command is read, and \`${end}\` ends it`);
    }
    assertEquals(words("a\nb"), "Only one kexec command is read, and a line break ends it");
  },
});

Deno.test({
  name: "the running command line within `--append` is reused, wherever it is",
  permissions: "none",
  fn() {
    const reused = { kernel: "k", reuse: true };
    assertEquals(read('kexec -l k --append="$(cat /proc/cmdline) debug"'), { ...reused, cmdline: "debug" });
    assertEquals(read('kexec -l k --append="`cat /proc/cmdline`"'), reused);
    assertEquals(read("kexec -l k --append=$(</proc/cmdline)"), reused);
    assertEquals(read("kexec -l k --append='$(cat /proc/cmdline)'"), {
      kernel: "k",
      cmdline: "$(cat /proc/cmdline)",
    });
    assertEquals(
      read('kexec -l k --append="$X"'),
      "`$X` in the kexec command is something that only a shell replaces",
    );
    assertEquals(read("kexec -l k --append=a[1]=*"), { kernel: "k", cmdline: "a[1]=*" });
  },
});

Deno.test({
  name: "paths have variables for what a shell would replace, and are refused with anything else of a shell",
  permissions: "none",
  fn() {
    const kernel = (path: string) => read(`kexec -l ${path}`);
    assertEquals(kernel("/boot/vmlinuz-$(uname -r)"), { kernel: "/boot/vmlinuz-${release}" });
    assertEquals(kernel('"/boot/`uname -m`/$( uname  -r )"'), { kernel: "/boot/${machine}/${release}" });
    assertEquals(kernel("'/boot/${x}$(uname -r)'"), { kernel: "/boot/$${x}$(uname -r)" });
    for (const path of ["$(ls)", "$KERNEL", "${x}", "`pwd`", "~", "*", "?", "["]) {
      assertEquals(
        kernel(`${path}/k`),
        `\`${
          path.slice(0, /^[~*?[]/.test(path) ? 1 : undefined)
        }\` in the kexec command is something that only a shell ` +
          "replaces",
      );
    }
    assertEquals(read("kexec -l ''"), "A path of the kexec command is empty");
    for (const option of ["--initrd", "--dtb", "--module"]) {
      const found = readKexecCommand(`kexec -l k ${option}=$X`);
      assert(found.kind === "fault", option);
      assertEquals(found.hint, "Write the path itself", option);
    }
  },
});

Deno.test({
  name: "modules have a command line after the first space",
  permissions: "none",
  fn() {
    assertEquals(read("kexec -l xen --module='/k a  b' --module /i --module=\"/x-$(uname -r) c\" --command-line=d"), {
      kernel: "xen",
      modules: [{ path: "/k", cmdline: "a  b" }, { path: "/i", cmdline: "" }, { path: "/x-${release}", cmdline: "c" }],
      cmdline: "d",
    });
    const found = readKexecCommand("kexec -l xen --module=/k --initrd=/i --no-cma");
    assert(found.kind === "command");
    assertEquals(found.command.initrd, undefined);
    assertEquals(found.command.without, [
      { option: "--initrd", instead: "a Multiboot kernel gets modules, and kexec-tools ignores an initrd" },
      { option: "--no-cma", instead: "`--module` needs kexec_load, which has no use for it" },
    ]);
  },
});

Deno.test({
  name: "bounds of memory are read as strtoul does, and the last address becomes the first that is not used",
  permissions: "none",
  fn() {
    const memory = (option: string): unknown => {
      const found = readKexecCommand(`kexec -l k ${option}`);
      return found.kind === "fault" ? found.message : found.command.memory;
    };
    assertEquals(memory("--mem-min=4096"), { min: 4096n });
    assertEquals(memory("--mem-min=010000"), { min: 4096n });
    assertEquals(memory("--mem-min=0X1000 --mem-max=0x3fffffff"), { min: 4096n, max: 0x4000_0000n });
    assertEquals(memory("--mem-max=0x40000000"), { max: 0x4000_0000n });
    assertEquals(memory("--mem-max=0xffffffffffffffff"), {});
    assertEquals(memory("--mem-max=0xfffffffffffffffe"), { max: 0xffff_ffff_ffff_f000n });
    for (const value of ["1G", "-1", "0x", "09", "", "0x10000000000000000"]) {
      assertEquals(memory(`--mem-min='${value}'`), `\`--mem-min\` of kexec requires an address, not \`${value}\``);
    }
  },
});

Deno.test({
  name: "the last of several options counts, and the others are named",
  permissions: "none",
  fn() {
    const found = readKexecCommand("kexec -l k --initrd=a --ramdisk=b --append=x --command-line=y --initrd b");
    assert(found.kind === "command");
    assertEquals([found.command.initrd, found.command.cmdline], ["b", "y"]);
    assertEquals(found.command.without, [
      { option: "--initrd=a", instead: "kexec takes only the last, --initrd=b" },
      { option: "--append=x", instead: "kexec takes only the last, --command-line=y" },
    ]);
  },
});

Deno.test({
  name: "flags of one call are not in a profile for the other, as kexec-tools ignores them there",
  permissions: "none",
  fn() {
    const read = (line: string): unknown => {
      const { kind, ...found } = readKexecCommand(line);
      assert(kind === "command" && "command" in found, line);
      const { flags, unverified, memory, without } = found.command;
      return [flags, unverified, memory, without.map(({ option }) => option)];
    };
    assertEquals(read("kexec -l k --force-dtb --no-cma"), [["no_cma", "force_dtb"], false, {}, []]);
    assertEquals(read("kexec -s -l k --no-cma"), [["no_cma"], false, {}, []]);
    assertEquals(read("kexec -c -l k --no-cma --mem-min=1"), [[], false, { min: 1n }, ["--no-cma"]]);
    assertEquals(read("kexec --no-cma -l -i --mem-max=9 -s k"), [["no_cma"], false, {}, ["-i", "--mem-max"]]);
    assertEquals(read("kexec --no-cma -l -i k"), [[], true, {}, ["--no-cma"]]);
  },
});

Deno.test({
  name: "a kernel without an option of its own is loaded, and the shutdown is named",
  permissions: "none",
  fn() {
    const without = (line: string) => {
      const found = readKexecCommand(line);
      assert(found.kind === "command", line);
      return found.command.without;
    };
    assertEquals(without("kexec k"), [{ option: "kexec KERNEL", instead: PLAIN_KERNEL }]);
    assertEquals(without("kexec -s k"), [{ option: "kexec KERNEL", instead: PLAIN_KERNEL }]);
    for (const option of ["-l", "-p"]) assertEquals(without(`kexec ${option} k`), []);
    for (const option of ["-f", "-e", "-u", "-S", "--load-preserve-context"]) {
      assertEquals(without(`kexec ${option} k`).map((each) => each.option), [option]);
    }
  },
});

/** The options of kexec-tools, read from its tables: the letter, the name, whether it takes a value (`=`). */
const OPTIONS_OF_KEXEC = `
  h help, v version, f force, i no-checks, x no-ifdown, y no-sync, l load, u unload, e exec, exec-live-update,
  load-preserve-context, load-jump-back-helper, load-live-update, entry=, t type=, p load-panic, mem-min=, mem-max=,
  reuseinitrd, s kexec-file-syscall, c kexec-syscall, a kexec-syscall-auto, d debug, S status, print-ckr-size, hotplug,
  no-cma, force-dtb, reset-vga, serial=, serial-baud=, console-vga, console-serial, elf32-core-headers,
  elf64-core-headers, pass-memmap-cmdline, noefi, reuse-video-type, command-line=, append=, reuse-cmdline, initrd=,
  ramdisk=, args-elf, args-linux, args-none, module=, real-mode, entry-32bit, dtb=`;

Deno.test({
  name:
    "every option of kexec-tools for x86 and arm64 has a row; one without a key is named with what there is instead",
  permissions: "none",
  fn() {
    const rows = KEXEC_OPTIONS.map(({ long, short, value }) =>
      `${short === undefined ? "" : `${short} `}${long}${value === undefined ? "" : "="}`
    );
    assertEquals(rows.toSorted(), OPTIONS_OF_KEXEC.trim().split(/,\s+/).toSorted());
    const found = readKexecCommand("kexec -fxt bzImage k --serial=0x3f8 --noefi");
    assert(found.kind === "command");
    assertEquals(found.command.without.map(({ option }) => option), ["-f", "-x", "-t", "--serial", "--noefi"]);
    for (const { long, short, value, effect } of KEXEC_OPTIONS) {
      for (const written of [`--${long}`, ...(short === undefined ? [] : [`-${short}`])]) {
        const each = readKexecCommand(`kexec -l ${written}${value === undefined ? "" : " 1"} k`);
        assert(each.kind === "command", written);
        assertEquals(each.command.kernel, "k");
        assertEquals(each.command.without.map(({ option }) => option), effect.key === "without" ? [written] : []);
      }
    }
  },
});

Deno.test({
  name: "what is not one kexec command that loads a kernel is refused, and any text is read or refused",
  permissions: "none",
  fn() {
    for (const command of ["ls -l", "ls kexec -l k", "echo kexec -l k", "kexec-tools -l k", "A=1 mykexec k"]) {
      const name = command.replace("A=1 ", "").split(" ")[0];
      assertEquals(read(command), `The command is not kexec, but \`${name}\``);
    }
    for (
      const command of ["kexec", "A=b kexec", "sudo -n kexec", "/usr/bin/env X=1 /sbin/kexec", "exec nice -n 5 kexec"]
    ) {
      assertEquals(read(`${command} -l k`), { kernel: "k" }, command);
    }
    assertEquals(read("sudo ls"), "The command is not kexec, but `sudo`");
    assertEquals(read("kexec -u"), "The kexec command names no kernel");
    assertEquals(read(" "), "The kexec command is empty");
    assertEquals(read("kexec -l a b"), "The kexec command names several kernels: `a`, `b`");
    assertEquals(read("kexec -l k; reboot"), "Only one kexec command is read, and `;` ends it");
    assertEquals(read("kexec -l k --inird=x"), "`--inird` is not an option of kexec for x86_64 or arm64");
    assertEquals(read("kexec -l k --mem=x"), "`--mem` of kexec may be `--mem-min` or `--mem-max`");
    assertEquals(read("kexec -l k --mem-mi=1"), { kernel: "k", memory: { min: 1n } });
    assertEquals(read("kexec -l k -q"), "`-q` is not an option of kexec for x86_64 or arm64");
    assertEquals(read("kexec -l k --initrd"), "`--initrd` of kexec requires a value");
    assertEquals(read("kexec --load=k"), "`--load` of kexec takes no value");
    assertEquals(read("kexec -l 'k"), "The kexec command has an unclosed quote or bracket");
    const random = randomFrom(7);
    const pieces = [
      "kexec",
      " ",
      "-",
      "l",
      "s",
      "'",
      '"',
      "\\",
      "$(",
      ")",
      "`",
      "=",
      "--append",
      "--module",
      "k",
      ";",
      "#",
      "\n",
      "é",
      "--",
    ];
    for (let round = 0; round < 5_000; round++) {
      readKexecCommand(`kexec ${Array.from({ length: random.below(20) }, () => random.pick(pieces)).join("")}`);
    }
    // Linear in its length.
    assertEquals(readKexecCommand(`kexec -l k --append="${"$x".repeat(50_000)}"`).kind, "fault");
  },
});

Deno.test({
  name: "words at the edges of kexec's options: a dash alone, two with a variable, each of what runs another command",
  permissions: "none",
  fn() {
    assertEquals(read("kexec -l -"), { kernel: "-" });
    assertEquals(read("kexec -l -tx -"), {
      kernel: "-",
      without: [{ option: "-t", instead: "a file is what its content says" }],
    });
    assertEquals(read("kexec -lt x k"), {
      kernel: "k",
      without: [{ option: "-t", instead: "a file is what its content says" }],
    });
    assertEquals(String(read('kexec -l k --"$X"')).startsWith("`--` of kexec may be `--load` or "), true);
    assertEquals(read("kexec -l $1"), "`$1` in the kexec command is something that only a shell replaces");
    assertEquals(
      read("kexec -l k --module='m a'\"$(b)\""),
      "`$(b)` in the kexec command is something that only a shell replaces",
    );
    const wrappers = ["sudo", "doas", "env", "exec", "command", "nice", "ionice", "time", "nohup", "/usr/bin/sudo"];
    for (const wrapper of wrappers) {
      assertEquals([wrapper, read(`A_1=b C= ${wrapper} -x kexec -l k`)], [wrapper, { kernel: "k" }]);
    }
    const noUse = (call: string, option: string) => ({
      option,
      instead: `${call} has no use for it, and kexec-tools ignores it there`,
    });
    assertEquals(read("kexec -l k -c --force-dtb --no-cma"), {
      kernel: "k",
      load: "kexec_load",
      without: [noUse("kexec_load", "--force-dtb"), noUse("kexec_load", "--no-cma")],
    });
    assertEquals(read("kexec -l k -s --force-dtb --no-cma -i --mem-min=1 --mem-max=2 --dtb d"), {
      kernel: "k",
      load: "kexec_file_load",
      flags: ["no_cma", "force_dtb"],
      without: ["-i", "--mem-min", "--mem-max", "--dtb"].map((option) => noUse("kexec_file_load", option)),
    });
    const last = (option: string, first: string, second: string) => ({
      option: `${option}=${first}`,
      instead: `kexec takes only the last, ${option}=${second}`,
    });
    assertEquals(read("kexec -l k --mem-min=1 --mem-max=0x3fff --mem-min=2 --mem-max=0x1fff"), {
      kernel: "k",
      memory: { min: 2n, max: 0x2000n },
      without: [last("--mem-min", "1", "2"), last("--mem-max", "0x3fff", "0x1fff")],
    });
    assertEquals(read("echo kexec -l k"), "The command is not kexec, but `echo`");
  },
});
