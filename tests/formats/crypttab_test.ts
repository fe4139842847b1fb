import { assertEquals } from "@std/assert";
import {
  type CrypttabEntry,
  optionsOf,
  optionValue,
  parseCrypttab,
  withEntry,
  withKey,
} from "../../src/formats/crypttab.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const TABLE = `# <target> <source> <key> <options>
root UUID=11111111-2222-4333-8444-555555555555 none luks,discard

\tswap\t/dev/vda3  /dev/urandom  swap,cipher=aes-xts-plain64
data PARTUUID=aa-01 /keys/data.key:LABEL=stick luks,keyfile-offset=512,header=/boot/header # two fields more
#old /dev/vdx none luks
bare /dev/vdb
dash /dev/vdc - -
broken
`;

pure("the volumes of a crypttab, with every kind of key field", () => {
  const rows = parseCrypttab(TABLE).map(({ line, name, source, key, options }) => [line, name, source, key, options]);
  assertEquals(rows, [
    [1, "root", "UUID=11111111-2222-4333-8444-555555555555", undefined, ["luks", "discard"]],
    [3, "swap", "/dev/vda3", "/dev/urandom", ["swap", "cipher=aes-xts-plain64"]],
    [4, "data", "PARTUUID=aa-01", "/keys/data.key:LABEL=stick", ["luks", "keyfile-offset=512", "header=/boot/header"]],
    [6, "bare", "/dev/vdb", undefined, []],
    [7, "dash", "/dev/vdc", undefined, []],
  ]);
});

pure("escapes are undone only for a reader that does", () => {
  const text = "my\\040root /dev/disk/by-label/a\\0040b /keys/k\\054.key luks\n";
  assertEquals(parseCrypttab(text)[0]?.name, "my\\040root");
  const [entry] = parseCrypttab(text, { escapes: true });
  assertEquals([entry?.name, entry?.source, entry?.key], ["my root", "/dev/disk/by-label/a b", "/keys/k,.key"]);
});

pure("another key for one volume; every other line and field stays", () => {
  const entries = parseCrypttab(TABLE);
  const edited = (name: string): string | undefined => {
    const entry = entries.find((each) => each.name === name);
    const drop = (option: string): boolean => option.startsWith("keyfile-");
    return entry === undefined ? undefined : withKey(TABLE, entry, "/k/new.key", drop);
  };
  const replaced = (from: string, to: string): string => {
    assertEquals(TABLE.split(from).length, 2);
    return TABLE.replace(from, to);
  };
  assertEquals(edited("root"), replaced("555555555555 none luks", "555555555555 /k/new.key luks"));
  assertEquals(edited("swap"), replaced("/dev/urandom", "/k/new.key"));
  assertEquals(
    edited("data"),
    replaced("/keys/data.key:LABEL=stick luks,keyfile-offset=512,", "/k/new.key luks,"),
  );
  assertEquals(edited("bare"), replaced("bare /dev/vdb", "bare /dev/vdb /k/new.key"));
  assertEquals(edited("dash"), replaced("/dev/vdc - -", "/dev/vdc /k/new.key -"));
});

pure("where no option is left, the field says so", () => {
  const text = "a /dev/vda none keyscript=/x\n";
  const entry: CrypttabEntry = { line: 0, name: "a", source: "/dev/vda", options: [] };
  assertEquals(withKey(text, entry, "/k", () => true), "a /dev/vda /k -\n");
});

pure("one more volume at the end", () => {
  const entry = { name: "b", source: "UUID=x", key: "/k", options: ["luks"] };
  assertEquals(withEntry("", entry), "b UUID=x /k luks\n");
  assertEquals(withEntry("a /dev/vda", entry), "a /dev/vda\nb UUID=x /k luks\n");
  assertEquals(withEntry("a /dev/vda\n", { ...entry, options: [] }), "a /dev/vda\nb UUID=x /k\n");
});

pure("the last value of an option counts, by either name", () => {
  const options = optionsOf("luks,,key-slot=1,header,keyslot=2,header=/h=1");
  assertEquals(options, ["luks", "key-slot=1", "header", "keyslot=2", "header=/h=1"]);
  assertEquals(optionValue(options, "key-slot", "keyslot"), "2");
  assertEquals([optionValue(options, "header"), optionValue(options, "luks")], ["/h=1", undefined]);
});
