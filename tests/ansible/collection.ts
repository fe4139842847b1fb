/** The collection of contrib/ansible where Ansible finds it, and hosts whose warmboot is fake/warmboot. */
import { join } from "@std/path";
import { bzImage } from "../image/build.ts";
import { run } from "../support/run_cli.ts";
import { withFiles } from "../support/temp_files.ts";
import { hasTool, tool } from "../support/tool.ts";

const ROOT = join(import.meta.dirname ?? ".", "../..");

/** The collection's files. */
export const COLLECTION: string = join(ROOT, "contrib/ansible");

/** The fake programs. */
const FAKES: string = join(import.meta.dirname ?? ".", "fake");

/** Whether this machine can run the tests. */
export const HAS_ANSIBLE: boolean = await hasTool("ansible-playbook");

/** An attempt, as far as the tests look. */
interface PastAttempt {
  readonly plan: string;
  readonly outcome: { readonly end: string };
}

/** What a host is: the command lines of what runs and is loaded. */
export interface HostState {
  readonly boot: number;
  readonly running: string;
  readonly loaded: string | null;
  readonly crash: string | null;
  readonly attempts: readonly PastAttempt[];
}

/** What a module returns. */
export interface ModuleResult {
  readonly changed?: boolean;
  readonly failed?: boolean;
  readonly msg?: string;
  readonly diff?: { readonly prepared: string };
  readonly warnings?: readonly string[];
  readonly [key: string]: unknown;
}

/** A plan that warmboot made, which the fake one changes. */
let made: Promise<string> | undefined;

async function makePlan(): Promise<string> {
  return await withFiles(
    { "web.yaml": "version: 1\nkernel: vmlinuz\ncmdline: ro\n", vmlinuz: bzImage() },
    async (root) => {
      const host = join(ROOT, "tests/fixtures/hosts/bios-vm.json");
      return (await run(["plan", join(root, "web.yaml"), "--facts", host, "-o", "json"])).stdout;
    },
  );
}

/** The Python that has Ansible. */
async function ansiblePython(): Promise<string> {
  const { said = "" } = await tool("sh", ["-c", 'head -n 1 "$(command -v ansible-playbook)"']) ?? {};
  return said.replace(/^#!/, "").trim().split(" ")[0] ?? "python3";
}

/** Hosts in a folder, which is removed when it is disposed. */
export class Fleet implements Disposable {
  private constructor(
    /** The folder: hosts by their names, and Ansible's own. */
    readonly folder: string,
    private readonly plan: string,
  ) {}

  /** A fleet without hosts. */
  static async make(): Promise<Fleet> {
    const folder = Deno.makeTempDirSync({ prefix: "warmboot-ansible-" });
    Deno.mkdirSync(join(folder, "ansible_collections/warmboot"), { recursive: true });
    Deno.symlinkSync(COLLECTION, join(folder, "ansible_collections/warmboot/boot"));
    return new Fleet(folder, await (made ??= makePlan()));
  }

  /** The path of a host's file. */
  path(host: string, file: string): string {
    return join(this.folder, host, file);
  }

  /** Adds a host that runs `old` and has nothing loaded, and a profile, which is a command line. */
  add(host: string, profile: string, state: Partial<HostState> = {}): void {
    Deno.mkdirSync(join(this.folder, host));
    const first = { boot: 1, running: "old", loaded: null, crash: null, attempts: [], ...state };
    Deno.writeTextFileSync(this.path(host, "plan.json"), this.plan);
    Deno.writeTextFileSync(this.path(host, "state.json"), JSON.stringify(first));
    Deno.writeTextFileSync(this.path(host, "boot_id"), "00000000-0000-4000-8000-000000000001\n");
    Deno.writeTextFileSync(this.path(host, "web.yaml"), profile);
  }

  /** What a host is now. */
  state(host: string): HostState {
    return JSON.parse(Deno.readTextFileSync(this.path(host, "state.json")));
  }

  /** The calls of warmboot on a host since they were asked for last, without the host's folder. */
  calls(host: string): readonly string[] {
    const path = this.path(host, "calls");
    try {
      const text = Deno.readTextFileSync(path);
      Deno.removeSync(path);
      return text.replaceAll(`${join(this.folder, host)}/`, "").trimEnd().split("\n");
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /** Runs a module on a host, as Ansible does; `mode`: `check`, `diff` or both. */
  async module(name: string, host: string, args: object = {}, ...mode: readonly string[]): Promise<ModuleResult> {
    const given = {
      profile: this.path(host, "web.yaml"),
      ...args,
      "_ansible_check_mode": mode.includes("check"),
      "_ansible_diff": mode.includes("diff"),
    };
    const { said } = await this.#spawn(await ansiblePython(), [join(COLLECTION, `plugins/modules/${name}.py`)], {
      WARMBOOT_FAKE: join(this.folder, host),
      PYTHONPATH: this.folder,
    }, JSON.stringify({ ANSIBLE_MODULE_ARGS: given }));
    try {
      return JSON.parse(said);
    } catch {
      throw new Error(`${name} printed no result:\n${said}`);
    }
  }

  /** Runs a program of Ansible in the fleet's folder; where it would use SSH, it uses fake/ssh. */
  async ansible(program: string, args: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
    return await this.#spawn(program, args, {
      ANSIBLE_COLLECTIONS_PATHS: this.folder,
      ANSIBLE_HOME: join(this.folder, "home"),
      ANSIBLE_LOCAL_TEMP: join(this.folder, "home/tmp"),
      ANSIBLE_PIPELINING: "1",
      ANSIBLE_NOCOLOR: "1",
      ANSIBLE_PYTHON_INTERPRETER: await ansiblePython(),
      ANSIBLE_REMOTE_TEMP: join(this.folder, "tmp"),
      ANSIBLE_SSH_EXECUTABLE: join(FAKES, "ssh"),
      ANSIBLE_SSH_TRANSFER_METHOD: "piped",
      ANSIBLE_SSH_CONTROL_PATH_DIR: join(this.folder, "cp"),
      WARMBOOT_FAKES: this.folder,
    });
  }

  async #spawn(
    program: string,
    args: readonly string[],
    env: Record<string, string>,
    stdin = "",
  ): Promise<{ readonly code: number; readonly said: string }> {
    const process = new Deno.Command(program, {
      args: [...args],
      cwd: this.folder,
      env: {
        // The Python of the distribution comes before others.
        PATH: `${FAKES}:/usr/bin:/bin:${Deno.env.get("PATH") ?? ""}`,
        HOME: this.folder,
        PYTHONDONTWRITEBYTECODE: "1",
        ...env,
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
    const { code, stdout, stderr } = await process.output();
    const decoder = new TextDecoder();
    return { code, said: decoder.decode(stdout) + decoder.decode(stderr) };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}
