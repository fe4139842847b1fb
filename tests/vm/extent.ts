/**
 * Whether everything is to be tested: `deno task test:vm:all` says so. Otherwise, what another test covers in part is left
 * out, so that CI ends in time.
 */
export const ALL: boolean = Deno.env.get("WARMBOOT_VM_ALL") === "1";
