import { assert, assertEquals } from "@std/assert";
import { KEXEC_OPTIONS, profilePath, readKexecCommand } from "../../src/entry/kexec_command.ts";
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
    assertEquals(read("sudo /sbin/kexec --load --ramdisk /boot/initrd.img /boot/vmlinuz --reuse"), reused);
    assertEquals(read('kexec -l \\\n  \'/boot/vm linuz\' --append="root=/dev/sda1 \\"x\\" ro"'), {
      kernel: "/boot/vm linuz",
      cmdline: 'root=/dev/sda1 "x" ro',
    });
    assertEquals(read("kexec -sl k --append=a --command-line=b"), {
      kernel: "k",
      load: "kexec_file_load",
      cmdline: "b",
    });
    assertEquals(read("kexec -s -c -a -- -k"), { kernel: "-k" });
    assertEquals(read("kexec -p -c -i k --mem-min=0x1000 --mem-max 0x2000 --dtb=b"), {
      kernel: "k",
      crash: true,
      load: "kexec_load",
      unverified: true,
      memory: { min: "0x1000", max: "0x2000" },
      dtb: "b",
    });
  },
});

Deno.test({
  name: "the running command line within `--append` is reused, wherever it is",
  permissions: "none",
  fn() {
    assertEquals(read('kexec -l k --append="$(cat /proc/cmdline) debug"'), {
      kernel: "k",
      reuse: true,
      cmdline: "debug",
    });
    assertEquals(read('kexec -l k --append="`cat /proc/cmdline`"'), { kernel: "k", reuse: true });
    assertEquals(read("kexec -l k --append=$(</proc/cmdline)"), { kernel: "k", reuse: true });
    assertEquals(profilePath("/boot/vmlinuz-$(uname -r)"), "/boot/vmlinuz-${release}");
    assertEquals(profilePath("/boot/`uname -m`/$(uname -r)"), "/boot/${machine}/${release}");
    for (const path of ["/boot/$(ls)", "$KERNEL", "/boot/${x}", "`pwd`/k"]) assertEquals(profilePath(path), undefined);
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
    assertEquals(read("kexec -c -l k --no-cma --mem-min=1"), [[], false, { min: "1" }, ["--no-cma"]]);
    assertEquals(read("kexec --no-cma -i --mem-max=9 -s k"), [["no_cma"], false, {}, ["-i", "--mem-max"]]);
  },
});

Deno.test({
  name: "an option without a key is named, with what there is instead",
  permissions: "none",
  fn() {
    const found = readKexecCommand("kexec -fxt bzImage k --serial=0x3f8 --noefi");
    assert(found.kind === "command");
    assertEquals(found.command.without.map(({ option }) => option), ["-f", "-x", "-t", "--serial", "--noefi"]);
    for (const { long, short, takesValue, effect } of KEXEC_OPTIONS) {
      const value = takesValue === true ? " 1" : "";
      for (const written of [`--${long}`, ...(short === undefined ? [] : [`-${short}`])]) {
        const each = readKexecCommand(`kexec ${written}${value} k`);
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
    assertEquals(read("kexec -u"), "The kexec command names no kernel");
    assertEquals(read(""), "The kexec command names no kernel");
    assertEquals(read("kexec -l a b"), "The kexec command names several kernels: `a`, `b`");
    assertEquals(read("kexec -l k; reboot"), "Only one kexec command is read, and `;` ends it");
    assertEquals(read("kexec -l k --inird=x"), "`--inird` is not an option of kexec for x86_64 or arm64");
    assertEquals(read("kexec -l k --m=x"), "`--m` is not an option of kexec for x86_64 or arm64");
    assertEquals(read("kexec -l k -q"), "`-q` is not an option of kexec for x86_64 or arm64");
    assertEquals(read("kexec -l k --initrd"), "`--initrd` of kexec requires a value");
    assertEquals(read("kexec --load=k"), "`--load` of kexec takes no value");
    assertEquals(read("kexec -l 'k"), "The kexec command has an unclosed quote");
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
      "k",
      ";",
      "\n",
      "é",
      "--",
    ];
    for (let round = 0; round < 5_000; round++) {
      readKexecCommand(Array.from({ length: random.below(20) }, () => random.pick(pieces)).join(""));
    }
  },
});
