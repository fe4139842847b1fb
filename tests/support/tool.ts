/** Runs a program; undefined where this machine does not have it. Standard output and error are one text. */
export async function tool(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Promise<{ readonly code: number; readonly said: string } | undefined> {
  try {
    const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], stdin: "null", ...options })
      .output();
    const decoder = new TextDecoder();
    return { code, said: decoder.decode(stdout) + decoder.decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && error.message.includes(command)) return undefined;
    throw error;
  }
}

/** Whether a program is there to be run. */
export async function hasTool(command: string): Promise<boolean> {
  return (await tool("sh", ["-c", 'command -v "$0"', command]))?.code === 0;
}
