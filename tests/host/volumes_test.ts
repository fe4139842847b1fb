import { assertEquals } from "@std/assert";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { type CryptFacts, findVolume, isOfVolume, sourcePath } from "../../src/host/volumes.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const ROOT = "11111111-2222-4333-8444-555555555555";
const DATA = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

const FILES: { readonly [path: string]: string } = {
  "/proc/sys/kernel/arch": "x86_64\n",
  "/proc/sys/kernel/osrelease": "6.1.0\n",
  "/etc/crypttab": `root UUID=${ROOT} none luks\ndata PARTUUID=aa-02 none luks\n`,
  "/sys/class/block": `vault\tCRYPT-LUKS2-11111111222243338444555555555555-vault\t/dev/vda2\n` +
    "swap\tCRYPT-PLAIN-swap\t/dev/vda3\n",
  "/dev/disk": `/dev/disk/by-uuid/${ROOT}\t/dev/vda2\n/dev/disk/by-uuid/${DATA}\t/dev/vdb1\n` +
    "/dev/disk/by-partuuid/aa-02\t/dev/vdb1\n/dev/mapper/vg-lv\t/dev/dm-4\n",
};

const facts: CryptFacts = decodeFacts({ format: "warmboot.facts/1", files: FILES }).value ?? {};

pure("open LUKS volumes and the names of disks are decoded; what is not LUKS is left out", () => {
  assertEquals(facts.openVolumes, [{ name: "vault", uuid: ROOT, device: "/dev/vda2" }]);
  assertEquals(facts.diskLinks?.[2], { link: "/dev/disk/by-partuuid/aa-02", device: "/dev/vdb1" });
});

pure("a listing with another number of names is malformed, and its fact unknown", () => {
  const { value, diagnostics } = decodeFacts({
    format: "warmboot.facts/1",
    files: { ...FILES, "/sys/class/block": "vault\tCRYPT-LUKS2-x\n" },
  });
  assertEquals(value?.openVolumes, undefined);
  assertEquals(diagnostics.filter(({ code }) => code === "facts-malformed").length, 1);
});

pure("a volume is found by a name of crypttab, an open name, its UUID, and every name of its device", () => {
  const data = { uuid: DATA, device: "/dev/vdb1" };
  const root = { uuid: ROOT, device: "/dev/vda2" };
  assertEquals(findVolume("root", facts), { text: "root", name: "root", ...root });
  assertEquals(findVolume("vault", facts), { text: "vault", name: "vault", ...root });
  assertEquals(findVolume("/dev/mapper/vault", facts), { text: "/dev/mapper/vault", name: "vault", ...root });
  assertEquals(findVolume("data", facts), { text: "data", name: "data", ...data });
  for (
    const text of [DATA, DATA.toUpperCase(), `UUID=${DATA}`, `/dev/disk/by-uuid/${DATA}`, "PARTUUID=aa-02", "/dev/vdb1"]
  ) {
    assertEquals(findVolume(text, facts), { text, ...data });
  }
  assertEquals(findVolume("/dev/mapper/vg-lv", facts), { text: "/dev/mapper/vg-lv", device: "/dev/dm-4" });
  assertEquals(findVolume("other", facts), { text: "other", name: "other" });
  assertEquals(findVolume("LABEL=none", facts), { text: "LABEL=none" });
});

pure("the UUID of an open volume is known by its device, without udev and its links", () => {
  const { openVolumes = [] } = facts;
  assertEquals(findVolume("/dev/vda2", { openVolumes }), { text: "/dev/vda2", uuid: ROOT, device: "/dev/vda2" });
  assertEquals(findVolume("/dev/vdb1", { openVolumes }), { text: "/dev/vdb1", device: "/dev/vdb1" });
  assertEquals(findVolume("vault", {}), { text: "vault", name: "vault" });
  // What a source states itself needs nothing of the host.
  for (const text of [`UUID=${DATA.toUpperCase()}`, `/dev/disk/by-uuid/${DATA}`]) {
    assertEquals(findVolume(text, {}), { text, uuid: DATA });
    assertEquals(isOfVolume(text, findVolume(DATA, {}), {}), true);
  }
  // Of two lines of one name, the first counts, as for systemd-cryptsetup-generator.
  const crypttab = "a /dev/vda1 none luks\na /dev/vda2 none luks\n";
  assertEquals(findVolume("a", { crypttab, openVolumes: [] }).device, "/dev/vda1");
});

pure("a source of another crypttab is compared by UUID and device, never by what is unknown of both", () => {
  const data = findVolume("data", facts);
  assertEquals(
    [`UUID=${DATA}`, "/dev/vdb1", "PARTUUID=aa-02", `UUID=${ROOT}`, "LABEL=none"].map((source) =>
      isOfVolume(source, data, facts)
    ),
    [true, true, true, false, false],
  );
  assertEquals(isOfVolume("LABEL=none", findVolume("other", facts), facts), false);
});

pure(
  "an open volume tells the UUID of its device, of either version of LUKS, also where udev has no name for it",
  () => {
    const { value } = decodeFacts({
      format: "warmboot.facts/1",
      files: {
        "/proc/sys/kernel/arch": "x86_64\n",
        "/proc/sys/kernel/osrelease": "6.1.0\n",
        "/sys/class/block": "old\tCRYPT-LUKS1-AAAABBBBCCCC4DDD8EEEFFFFFFFFFFFF-old\t/dev/vdd\n",
      },
    });
    const uuid = "aaaabbbb-cccc-4ddd-8eee-ffffffffffff";
    assertEquals(value?.openVolumes, [{ name: "old", uuid, device: "/dev/vdd" }]);
    assertEquals(findVolume("/dev/vdd", value ?? {}), { text: "/dev/vdd", uuid, device: "/dev/vdd" });
    assertEquals(isOfVolume(`UUID=${uuid}`, findVolume("/dev/vdd", value ?? {}), {}), true);
  },
);

pure("a volume whose UUID is unknown is compared by its device", () => {
  const plain = findVolume("/dev/vde", facts);
  assertEquals(plain, { text: "/dev/vde", device: "/dev/vde" });
  assertEquals(["/dev/vde", "/dev/vdf", `UUID=${DATA}`].map((source) => isOfVolume(source, plain, facts)), [
    true,
    false,
    false,
  ]);
  // A mapping is no device of a disk by its name alone.
  assertEquals(findVolume("/dev/mapper/unknown", facts), { text: "/dev/mapper/unknown" });
});

pure("the path of a source", () => {
  assertEquals(sourcePath(`UUID=${ROOT.toUpperCase()}`), `/dev/disk/by-uuid/${ROOT}`);
  assertEquals(
    [sourcePath("PARTLABEL=Root"), sourcePath("ID=nvme-x"), sourcePath("/dev/vda"), sourcePath("X=1")],
    ["/dev/disk/by-partlabel/Root", "/dev/disk/by-id/nvme-x", "/dev/vda", "X=1"],
  );
  assertEquals(
    [sourcePath("LABEL=Root"), sourcePath("PARTUUID=AA-02"), sourcePath("label=Root"), sourcePath("toString=x")],
    ["/dev/disk/by-label/Root", "/dev/disk/by-partuuid/AA-02", "label=Root", "toString=x"],
  );
});
