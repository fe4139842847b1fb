/** A variable of the environment. One that the runtime may not read counts as unset: a sandbox is not asked for it. */
export function environmentVariable(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}
