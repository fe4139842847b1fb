/**
 * `uncapable UID COMMAND...` runs a command as a user without CAP_SYS_BOOT: the capability leaves the bounding set, so
 * that what is executed next, root's too, cannot have it.
 */
const PR_CAPBSET_DROP = 24n;
const CAP_SYS_BOOT = 22n;

const libc = Deno.dlopen("libc.so.6", {
  prctl: { parameters: ["i64", "u64", "u64", "u64", "u64"], result: "i32" },
});
if (libc.symbols.prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT, 0n, 0n, 0n) !== 0) throw new Error("prctl(2) failed");
const [uid = "0", command = "true", ...args] = Deno.args;
const { code } = await new Deno.Command(command, { args, uid: Number(uid), gid: Number(uid) }).spawn().status;
Deno.exit(code);
