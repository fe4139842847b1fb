import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { initProfile } from "../../src/app/init_profile.ts";
import { refreshProfiles } from "../../src/app/refresh.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { ascii, bzImage, peFile } from "../image/build.ts";

Deno.test("a profile follows the newest unified kernel image where no kernel of that release has an initrd, pinned", async () => {
  const root = Deno.makeTempDirSync({ prefix: "warmboot-follow-" });
  try {
    const put = (path: string, bytes: Uint8Array): Uint8Array => {
      Deno.mkdirSync(join(root, path, ".."), { recursive: true });
      Deno.writeFileSync(join(root, path), bytes);
      return bytes;
    };
    const image = (release: string): Uint8Array => {
      const kernel = bzImage({ version: `${release} (x) #1 SMP` });
      // As kernel-install leaves it with layout=uki: the kernel of the modules has no initrd.
      put(`usr/lib/modules/${release}/vmlinuz`, kernel);
      return put(
        `efi/EFI/Linux/token-${release}.efi`,
        peFile({ sections: [{ name: ".uname", bytes: ascii(release) }, { name: ".linux", bytes: kernel }] }),
      );
    };
    const first = image("6.1.0");
    Deno.mkdirSync(join(root, "etc/warmboot"), { recursive: true });
    const out = join(root, "etc/warmboot/next.yaml");
    const made = await initProfile({ from: { kind: "newest", root, follow: true }, pin: true, out });
    assertEquals(made.kind, "profile");
    const profileNow = () => parseProfile(Deno.readTextFileSync(out), out).value;
    const uki = (release: string, bytes: Uint8Array) => ({
      path: `/efi/EFI/Linux/token-${release}.efi`,
      sha256: sha256Of(bytes),
    });
    assertEquals([profileNow()?.kernel, profileNow()?.stated.includes("cmdline")], [uki("6.1.0", first), false]);

    const second = image("6.12.0");
    const [refreshed] = await refreshProfiles({ root });
    assert(refreshed?.kind === "written");
    assertEquals([refreshed.kernel, refreshed.initrd], ["/efi/EFI/Linux/token-6.12.0.efi", true]);
    assertEquals(profileNow()?.kernel, uki("6.12.0", second));

    // A kernel of the same release with an initrd of its own comes first.
    put("boot/vmlinuz-6.12.0", bzImage({ version: "6.12.0 (x) #1 SMP" }));
    put("boot/initrd.img-6.12.0", ascii("070701"));
    await refreshProfiles({ root });
    assertEquals(profileNow()?.kernel?.path, "/boot/vmlinuz-6.12.0");
    // The image alone counts of a release that is about to go, and of what is half written.
    put("efi/EFI/Linux/token-7.0.0.efi.tmp", first);
    await refreshProfiles({ root, without: "6.12.0" });
    assertEquals(profileNow()?.kernel?.path, "/efi/EFI/Linux/token-6.1.0.efi");
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});
