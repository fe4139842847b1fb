/**
 * GitHub Actions takes lines of a step's output for commands: `::name::` at the beginning of a line, after blanks, and the
 * older `##[name]` anywhere (actions/runner, ActionCommand.cs). What is printed may be text of a stranger's pull request.
 */
export function escapeCommands(text: string): string {
  return text.replaceAll(/^(\s*):(?=:)/gm, "$1\\u003a").replaceAll(/#(?=#\[)/g, "\\u0023");
}

/** Whether the output may be read by GitHub Actions; if that cannot be asked, it may, unless a person reads it. */
export function isWorkflow(isTerminal: boolean): boolean {
  try {
    return Deno.env.get("GITHUB_ACTIONS") === "true";
  } catch {
    return !isTerminal;
  }
}
