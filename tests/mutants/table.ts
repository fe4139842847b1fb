/** A change of the source that the tests must notice. */
export interface Mutant {
  /** Under src/. */
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly from: string;
  readonly to: string;
  /** The test file or folder that must fail, under tests/. */
  readonly tests: string;
}

const row = (file: string, from: string, to: string, tests: string): Mutant => ({ file, from, to, tests });

/** One row a change. A row whose text is gone fails tests/mutants/table_test.ts. */
export const MUTANTS: readonly Mutant[] = [
  // The calls.
  row("syscall/execute.ts", "segments.table, call.flagBits)", "segments.table, 0n)", "syscall/execute_test.ts"),
  row("syscall/execute.ts", "only.fd, cmdline, call.flagBits)", "only.fd, cmdline, 0n)", "syscall/execute_test.ts"),
  row(
    "syscall/execute.ts",
    "joined.value, cmdline, call.flagBits)",
    "joined.value, cmdline, 0n)",
    "syscall/execute_test.ts",
  ),
  row(
    "syscall/execute.ts",
    "kernel, -1, cmdline, call.flagBits)",
    "kernel, -1, cmdline, 0n)",
    "syscall/execute_test.ts",
  ),
  row("syscall/libc.ts", "kexec_load: 246n", "kexec_load: 247n", "syscall/libc_test.ts"),
  row("syscall/libc.ts", "reboot: 169n", "reboot: 170n", "syscall/libc_test.ts"),
  row("syscall/libc.ts", "kexec_file_load: 294n", "kexec_file_load: 293n", "syscall/libc_test.ts"),
  row(
    "syscall/libc.ts",
    "const REBOOT_CMD_KEXEC = 0x45584543n",
    "const REBOOT_CMD_KEXEC = 0x01234567n",
    "syscall/libc_test.ts",
  ),
  row(
    "syscall/libc.ts",
    "PROT_READ, MAP_PRIVATE, fd, 0n",
    "PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0n",
    "syscall/libc_test.ts",
  ),
  row("syscall/memory_file.ts", "align4(end)", "end", "syscall/execute_test.ts"),
  row(
    "syscall/memory_file.ts",
    "if (copied.value === 0) return",
    "if (copied.value < 0) return",
    "syscall/execute_test.ts",
  ),
  row("syscall/map_segments.ts", "whole.value + BigInt(source.offset)", "whole.value", "syscall/map_segments_test.ts"),
  row("syscall/finalize.ts", "if (drawn < limit) return", "if (drawn >= 0n) return", "syscall/finalize_test.ts"),
  row(
    "syscall/errors/diagnose.ts",
    "hasSysBoot(facts) === false",
    "hasSysBoot(facts) === true",
    "syscall/errors/diagnose_test.ts",
  ),
  // Carrying a plan out.
  row(
    "app/carry_out.ts",
    "const changed = files.find((file) => !isUnchanged(file))",
    "const changed = checked.files.find(() => false)",
    "app/carry_out_test.ts",
  ),
  row(
    "app/carry_out.ts",
    "return files.find((file) => !isUnchanged(file));",
    "return files.find(() => false);",
    "app/carry_out_test.ts",
  ),
  row(
    "app/carry_out.ts",
    'if (finalized.kind === "refused" || call.bases === undefined) return finalized;',
    "return finalized;",
    "app/carry_out_test.ts",
  ),
  row("app/hold_signals.ts", '["SIGINT", "SIGTERM", "SIGHUP"]', '["SIGINT", "SIGHUP"]', "app/hold_signals_test.ts"),
  row("app/files/open_file.ts", "&& now.ctime === identity.ctime", "", "app/files/open_file_test.ts"),
  row("app/files/open_file.ts", "now.ino === identity.ino && ", "", "app/files/open_file_test.ts"),
  row("app/files/write_whole.ts", "      output.syncSync();\n", "", "app/files/write_whole_test.ts"),
  row("app/files/write_whole.ts", "    system.syncFolder(dirname(path));\n", "", "app/files/write_whole_test.ts"),
  row("app/read_plan.ts", "keys === countKeys(value)", "true", "plan/forged_plans_test.ts"),
  // What is remembered.
  row("state/record_store.ts", "  sync(file);\n", "", "state/record_store_test.ts"),
  row("state/unpacked_cache.ts", "& 0o022) === 0", "& 0o002) === 0", "state/unpacked_cache_test.ts"),
  row("state/unpacked_cache.ts", "=== name) {", "!== undefined) {", "state/unpacked_cache_test.ts"),
  row("state/already_loaded.ts", "facts.bootId !== record.bootId", "false", "state/already_loaded_test.ts"),
  row("state/round_trip.ts", "away < GRAIN ? 0n : away", "away", "state/round_trip_test.ts"),
  // Plans.
  row("plan/linux_segments.ts", "index === initrds.length - 1 ? BigInt(size) : memsz", "memsz", "plan/drift_test.ts"),
  row("plan/drift.ts", "    ...(dtb === undefined ? [] : [dtb]),\n", "", "plan/drift_test.ts"),
  row("plan/drift.ts", 'compare("the host\'s name", plan.host.hostname, facts.hostname);', "", "plan/planner_test.ts"),
  row("plan/stored.ts", "return difference === undefined ? {", "return true ? {", "plan/forged_plans_test.ts"),
  row(
    "plan/stored.ts",
    "return planned === derived ? undefined",
    "return true ? undefined",
    "plan/forged_plans_test.ts",
  ),
  row(
    "plan/declared.ts",
    "sha256Of(JSON.stringify(explicitSegments(call)))",
    'sha256Of("")',
    "plan/forged_plans_test.ts",
  ),
  row("plan/flags.ts", "KEXEC_PRESERVE_CONTEXT: 0x2n", "KEXEC_PRESERVE_CONTEXT: 0x4n", "plan/flag_rules_test.ts"),
  row("plan/flags.ts", "BigInt(machine) << 16n", "BigInt(machine) << 15n", "plan/kexec_arch_test.ts"),
  row("plan/bases.ts", "room / BigInt(alignment) + 1n", "room / BigInt(alignment)", "plan/predecompress_test.ts"),
  row("plan/placement/place.ts", "preferred % alignment === 0n &&", "", "plan/placement_test.ts"),
  row(
    "plan/rules/segment_list.ts",
    "segment.mem < endOf(each) && each.mem < endOf(segment)",
    "segment.mem < endOf(each)",
    "plan/segment_rules_test.ts",
  ),
  row(
    "plan/rules/segment_list.ts",
    "endOf(segment) < limit ? []",
    "endOf(segment) <= limit ? []",
    "plan/segment_rules_test.ts",
  ),
  row(
    "plan/rules/segment_place.ts",
    "entry < segment.mem + size ? pass",
    "entry <= segment.mem + size ? pass",
    "plan/segment_rules_test.ts",
  ),
  row("plan/rules/files.ts", "file.pinned !== file.sha256", "false", "plan/rules_test.ts"),
  row("plan/rules/permission.ts", "facts.kexec.loadDisabled\n", "!facts.kexec.loadDisabled\n", "plan/rules_test.ts"),
  row(
    "plan/rules/cmdline.ts",
    "const X86_ELFCOREHDR_ROOM = 30",
    "const X86_ELFCOREHDR_ROOM = 29",
    "plan/rules_test.ts",
  ),
  row("diff/plans.ts", "    bases,\n    files:", "    files:", "plan/forged_plans_test.ts"),
  row(
    "diff/plans.ts",
    "{ kind: source.kind, random: source.random }",
    "{ kind: source.kind }",
    "plan/forged_plans_test.ts",
  ),
  row("diff/side.ts", "ORDER[a.kind] <= ORDER[b.kind]", "ORDER[a.kind] >= ORDER[b.kind]", "diff/compare_test.ts"),
  row("syscall/libc.ts", "const ALL_SEALS = 0xf;", "const ALL_SEALS = 0x7;", "syscall/libc_test.ts"),
  row(
    "plan/placement/free_memory.ts",
    "{ start: image.start, end: image.start + differing }",
    "{ start: image.end - differing, end: image.end }",
    "plan/crash_segments_test.ts",
  ),
  row(
    "cli/commands/status.ts",
    "exit = worse(exit, HEALTH_EXITS[kind]);",
    "exit = HEALTH_EXITS[kind];",
    "cli/cli_test.ts",
  ),
  row("host/security.ts", "facts.loadPin ?? facts", "facts.loadPin || facts", "plan/rules_test.ts"),
  row("plan/rules/memory.ts", "input.crash ? files : placed + files", "placed + files", "plan/rules_test.ts"),
  row("plan/initrd_placement.ts", "left -= more;", "", "plan/predecompress_test.ts"),
  row(
    "arch/arm64/next_device_tree.ts",
    "[4096n, 16384n, 65536n]",
    "[4096n, 16384n]",
    "arch/arm64_device_tree_test.ts",
  ),
  row("state/unpacked_cache.ts", "const STALE = 3_600_000", "const STALE = 3_600", "state/unpacked_cache_test.ts"),
  row("cli/ports.ts", "heard(() => say(text, severity))", "say(text, severity)", "cli/inputs_test.ts"),
  // What is read.
  row("profile/glob.ts", ' || body.startsWith("^")', "", "plan/requires_test.ts"),
  row("profile/cmdline/resolve.ts", '  "hugetlb_cma",\n', "", "profile/cmdline/resolve_test.ts"),
  row("image/initrd_content.ts", "at >= end - 3", "at >= end", "image/initrd_content_test.ts"),
  row(
    "formats/authenticode.ts",
    "rawSections.toSorted((a, b) => a.offset - b.offset)",
    "rawSections",
    "image/kernel_content_test.ts",
  ),
  // What an automatic search for such changes found: boundaries, causes, and what was only asserted in part.
  row(
    "syscall/errors/diagnose.ts",
    "facts.initUserNamespace === false",
    "facts.initUserNamespace === true",
    "syscall/errors/diagnose_test.ts",
  ),
  row(
    "syscall/errors/reboot_causes.ts",
    "returns === true && errno !== EPERM",
    "returns === true",
    "syscall/errors/diagnose_test.ts",
  ),
  row("syscall/libc.ts", "made.ok || made.errno !== EINVAL", "made.ok", "syscall/libc_test.ts"),
  row("syscall/libc.ts", "      c.munmap(mapped.value, BigInt(length));\n", "", "syscall/libc_test.ts"),
  row("syscall/errno.ts", '{ number: 65, name: "ENOPKG"', '{ number: 64, name: "ENOPKG"', "syscall/errno_test.ts"),
  row("plan/rules/memory.ts", "if (size > total / 2n)", "if (size >= total / 2n)", "plan/rule_bounds_test.ts"),
  row(
    "plan/rules/memory.ts",
    "if (placed + files > total)",
    "if (placed + files >= total)",
    "plan/rule_bounds_test.ts",
  ),
  row("plan/rules/crash.ts", "if (placed > room)", "if (placed >= room)", "plan/rule_bounds_test.ts"),
  row("plan/rules/bases.ts", "if (kernel.start % step !== 0n)", "if (false)", "plan/bases_test.ts"),
  row(
    "plan/rules/files.ts",
    "contents.every(({ isEarly }) => isEarly)",
    "contents.some(({ isEarly }) => isEarly)",
    "plan/rule_bounds_test.ts",
  ),
  row("plan/rules/files.ts", "content.bootconfig > 0 && isBefore(", "isBefore(", "plan/rule_bounds_test.ts"),
  row(
    "plan/rules/permission.ts",
    "isLockedDown(facts) || imaActsOnSecureBoot(facts)",
    "imaActsOnSecureBoot(facts)",
    "plan/rule_bounds_test.ts",
  ),
  row(
    "plan/placement/free_memory.ts",
    "crashSize === rangeSize(image) || crashSize === all",
    "crashSize === all",
    "plan/layout_bounds_test.ts",
  ),
  row(
    "plan/segment_call.ts",
    "profile.checksum === false || profile.preserveContext ||",
    "profile.checksum === false ||",
    "plan/layout_bounds_test.ts",
  ),
  row("state/unpacked_cache.ts", "index >= VERDICTS_MAX", "index > VERDICTS_MAX", "state/verdict_cache_test.ts"),
  row(
    "state/crash_status.ts",
    '    ...(kexec.crashCmaRanges ?? []).map((range) => rangeOf(range, "borrowed")),\n',
    "",
    "state/crash_status_test.ts",
  ),
  row("state/round_trip.ts", "away < GRAIN ?", "away <= GRAIN ?", "state/round_trip_test.ts"),
  row("host/efi.ts", "type <= 0xffff_ffffn", "type < 0xffff_ffffn", "host/decode_bounds_test.ts"),
  row(
    "host/security.ts",
    "if (lax && !onSecureBoot) return false;",
    "if (lax) return false;",
    "host/decode_bounds_test.ts",
  ),
  row(
    "diff/plans.ts",
    '(["hostname", "machine", "release"] as const)',
    '(["hostname", "release"] as const)',
    "diff/compare_test.ts",
  ),
  // What the boot loader would boot.
  row("entry/systemd_boot.ts", "!(skipsBad && triesLeft === 0)", "true", "entry/cold_boot_test.ts"),
  row("entry/grub/interpreter.ts", "list !== undefined && !list.has(name)", "true", "entry/cold_boot_test.ts"),
  row(
    "entry/grub/interpreter.ts",
    "const other = copyState(state);",
    "const other = state;",
    "entry/cold_boot_test.ts",
  ),
  row("entry/grub/menu.ts", "item.candidates === undefined ||", "", "entry/cold_boot_test.ts"),
  row("entry/file_systems.ts", " && pathOnDevice(top, found) === path", "", "entry/file_systems_test.ts"),
  row("app/plan_profile.ts", "if (moved !== undefined)", "if (false)", "app/entry_files_test.ts"),
];
