/** The types of nodes in the list setup_data (arch/x86/include/uapi/asm/setup_data.h, Linux 7.2). */
export const SETUP_DATA = {
  SETUP_E820_EXT: 1,
  SETUP_DTB: 2,
  SETUP_PCI: 3,
  SETUP_EFI: 4,
  SETUP_APPLE_PROPERTIES: 5,
  SETUP_JAILHOUSE: 6,
  SETUP_CC_BLOB: 7,
  SETUP_IMA: 8,
  SETUP_RNG_SEED: 9,
  SETUP_KEXEC_KHO: 10,
} as const;

/** The name of such a type. */
export type SetupDataName = keyof typeof SETUP_DATA;

/** The bit of a type that says that the node points to its data. */
const SETUP_INDIRECT = 0x8000_0000;

/** The name of a node's type; undefined for one that is not known. */
export function setupDataName(type: number): SetupDataName | undefined {
  const plain = type >= SETUP_INDIRECT ? type - SETUP_INDIRECT : type;
  return (Object.keys(SETUP_DATA) as SetupDataName[]).find((name) => SETUP_DATA[name] === plain);
}
