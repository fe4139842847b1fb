import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseDeviceTree } from "../../src/formats/fdt.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { flattenFolder, type TreeFolder } from "../../src/host/device_tree.ts";
import { capturedFacts, CAPTURES, hostCapture } from "./fixture.ts";
import { keepUsedTree } from "../../src/host/capture_filter.ts";

const ARM64 = CAPTURES.get("arm64-vm") ?? hostCapture("arm64-vm");

Deno.test({
  name: "the device tree is a fact",
  permissions: "none",
  fn() {
    const { deviceTree } = capturedFacts("arm64-vm");
    assertEquals(deviceTree?.root.children.at(-1)?.name, "chosen");
    assertEquals(capturedFacts("bios-vm").deviceTree, undefined);
  },
});

Deno.test({
  name: "what is no device tree is told of, and is not known",
  permissions: "none",
  fn() {
    const files = { ...ARM64.files, "/sys/firmware/fdt": { base64: "AAAA" } };
    const { value, diagnostics } = decodeFacts({ ...ARM64, files });
    assertEquals(value?.deviceTree, undefined);
    assertStringIncludes(diagnostics.at(-1)?.message ?? "", "/sys/firmware/fdt does not hold a device tree (it has no");
  },
});

Deno.test({
  name: "a capture keeps what a device tree says, and all of what is none",
  permissions: "none",
  fn() {
    const file = ARM64.files["/sys/firmware/fdt"];
    const bytes = Uint8Array.fromBase64(typeof file === "object" && "base64" in file ? file.base64 : "");
    const padded = new Uint8Array(1 << 20);
    padded.set(bytes);
    assertEquals(keepUsedTree(padded), bytes);
    assertEquals(keepUsedTree(bytes), bytes);
    assertEquals(keepUsedTree(Uint8Array.of(1, 2)), Uint8Array.of(1, 2));
  },
});

Deno.test({
  name: "the kernel's folders are flattened, in an order of their own",
  permissions: "none",
  fn() {
    const files: { readonly [path: string]: readonly string[] } = {
      "/base": ["name", "cpu@10", "cpu@2", "compatible", "#address-cells"],
      "/base/cpu@10": ["reg", "name"],
      "/base/cpu@2": [],
    };
    const folder: TreeFolder = {
      list: (path) =>
        (files[path] ?? []).map((name) => ({ name, isDirectory: Object.hasOwn(files, `${path}/${name}`) })),
      read: (path) => new TextEncoder().encode(path),
    };
    const parsed = parseDeviceTree(flattenFolder("/base", folder));
    assert(parsed.kind === "tree");
    const { root } = parsed.tree;
    assertEquals(root.properties.map(({ name }) => name), ["#address-cells", "compatible"]);
    assertEquals(root.children.map(({ name }) => name), ["cpu@2", "cpu@10"]);
    assertEquals(root.children[1]?.properties, [
      { name: "reg", value: new TextEncoder().encode("/base/cpu@10/reg") },
    ]);
  },
});
