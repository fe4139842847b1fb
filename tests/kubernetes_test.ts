/** contrib/kubernetes: the manifests are of their kinds, and what they run does what docs/kubernetes.md says. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Validator } from "@cfworker/json-schema";
import { join } from "@std/path";
import { parseAll } from "@std/yaml";
import { validate as daemonSet } from "kubernetes-models/_schemas/IoK8sApiAppsV1DaemonSet";
import { validate as clusterRole } from "kubernetes-models/_schemas/IoK8sApiRbacV1ClusterRole";
import { validate as clusterRoleBinding } from "kubernetes-models/_schemas/IoK8sApiRbacV1ClusterRoleBinding";
import { validate as role } from "kubernetes-models/_schemas/IoK8sApiRbacV1Role";
import { validate as roleBinding } from "kubernetes-models/_schemas/IoK8sApiRbacV1RoleBinding";
import { validate as secret } from "kubernetes-models/_schemas/IoK8sApiCoreV1Secret";
import { validate as serviceAccount } from "kubernetes-models/_schemas/IoK8sApiCoreV1ServiceAccount";
import { COMMANDS } from "../src/cli/table.ts";
import { parseInvocation } from "../src/cli/args.ts";
import { kuredHost, writeProfile } from "./support/kured_host.ts";
import { UNITS } from "./support/units.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");
const FOLDER = join(ROOT, "contrib/kubernetes");

interface Container {
  readonly command: readonly string[];
  readonly args?: readonly string[];
  readonly securityContext?: { readonly privileged?: boolean };
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  // deno-lint-ignore no-explicit-any
  readonly spec?: any;
}

function manifests(file: string): readonly Manifest[] {
  return parseAll(Deno.readTextFileSync(join(FOLDER, file))) as readonly Manifest[];
}

/** A validator that the Kubernetes project's OpenAPI description of a kind was compiled to. */
type Validate = ((value: unknown) => boolean) & { readonly errors?: unknown };

/**
 * A Plan as system-upgrade-controller 0.20 defines it (pkg/apis/upgrade.cattle.io/v1/types.go), written for this test: the
 * fields and their types, and no others.
 */
const closed = (properties: Record<string, unknown>, required: readonly string[] = []): Record<string, unknown> => ({
  type: "object",
  additionalProperties: false,
  properties,
  required,
});
const text = { type: "string" };
const whole = { type: "integer", minimum: 0 };
const flag = { type: "boolean" };
const texts = { type: "array", items: text };
const labels = { type: "object", additionalProperties: text };
const selector = closed({
  matchLabels: labels,
  matchExpressions: {
    type: "array",
    items: closed({ key: text, operator: { enum: ["In", "NotIn", "Exists", "DoesNotExist"] }, values: texts }, [
      "key",
      "operator",
    ]),
  },
});
const container = closed({
  image: text,
  command: texts,
  args: texts,
  envs: { type: "array", items: { type: "object" } },
  envFrom: { type: "array", items: { type: "object" } },
  volumes: {
    type: "array",
    items: closed({ name: text, source: text, destination: text }, ["name", "source", "destination"]),
  },
  securityContext: { type: "object", properties: { privileged: flag } },
}, ["image"]);
const PLAN_SCHEMA = closed({
  apiVersion: { const: "upgrade.cattle.io/v1" },
  kind: { const: "Plan" },
  metadata: closed({ name: text, namespace: text, labels, annotations: labels }, ["name"]),
  spec: closed({
    concurrency: whole,
    jobActiveDeadlineSecs: { type: "integer" },
    nodeSelector: selector,
    serviceAccountName: text,
    channel: text,
    version: text,
    secrets: { type: "array", items: { type: "object" } },
    tolerations: { type: "array", items: { type: "object" } },
    exclusive: flag,
    window: closed({ days: texts, startTime: text, endTime: text, timeZone: text }),
    prepare: container,
    upgrade: container,
    cordon: flag,
    drain: closed({
      timeout: { type: ["string", "integer"] },
      gracePeriod: { type: "integer" },
      deleteLocalData: flag,
      deleteEmptydirData: flag,
      ignoreDaemonSets: flag,
      force: flag,
      disableEviction: flag,
      skipWaitForDeleteTimeout: { type: "integer" },
      podSelector: selector,
    }),
    imagePullSecrets: { type: "array", items: { type: "object" } },
    postCompleteDelay: text,
    priorityClassName: text,
    postCompleteLabels: labels,
  }, ["upgrade"]),
}, ["apiVersion", "kind", "metadata", "spec"]);

function planErrors(plan: unknown): readonly string[] {
  const { errors } = new Validator({ ...PLAN_SCHEMA }, "7", false).validate(plan);
  return errors.map(({ instanceLocation, error }) => `${instanceLocation} ${error}`);
}

const KINDS: { readonly [kind: string]: Validate } = {
  "apps/v1 DaemonSet": daemonSet,
  "rbac.authorization.k8s.io/v1 ClusterRole": clusterRole,
  "rbac.authorization.k8s.io/v1 ClusterRoleBinding": clusterRoleBinding,
  "rbac.authorization.k8s.io/v1 Role": role,
  "rbac.authorization.k8s.io/v1 RoleBinding": roleBinding,
  "v1 Secret": secret,
  "v1 ServiceAccount": serviceAccount,
};

for (const file of ["kured.yaml", "node-timer/rbac.yaml"]) {
  Deno.test(`contrib/kubernetes/${file}: each document is valid for the schema of its kind`, () => {
    const all = manifests(file);
    assert(all.length > 0);
    for (const manifest of all) {
      const validate = KINDS[`${manifest.apiVersion} ${manifest.kind}`];
      assert(validate !== undefined, `${manifest.apiVersion} ${manifest.kind}`);
      assert(validate(manifest), JSON.stringify(validate.errors));
      // The schema is looked at: without a part, it does not fit.
      assert(!validate({ ...manifest, metadata: "x" }));
    }
  });
}

Deno.test("contrib/kubernetes/system-upgrade-plan.yaml is a Plan; an unknown key or another type is not", () => {
  const [plan, ...more] = manifests("system-upgrade-plan.yaml");
  assertEquals([planErrors(plan), more], [[], []]);
  for (
    const spec of [{ concurency: 1 }, { version: 1 }, { upgrade: { command: ["sh"] } }, { drain: { force: "yes" } }]
  ) {
    assert(planErrors({ ...plan, spec: { ...plan?.spec, ...spec } }).length > 0, JSON.stringify(spec));
  }
});

/** kured's container in the DaemonSet. */
function kured(): Container & { readonly env: readonly { readonly name: string }[] } {
  const [manifest] = manifests("kured.yaml");
  assert(manifest?.spec.template.spec.hostPID === true);
  const [only, ...others] = manifest.spec.template.spec.containers;
  assertEquals(others, []);
  return only;
}

/** The flags of kured 1.23.0 (cmd/kured/main.go) that the manifest may use. */
const KURED_FLAGS = [
  "reboot-sentinel-command",
  "reboot-command",
  "period",
  "concurrency",
  "lock-release-delay",
  "prometheus-url",
  "alert-filter-regexp",
  "drain-timeout",
  "reboot-days",
  "start-time",
  "end-time",
  "time-zone",
  "annotate-nodes",
];

/** The value of a flag of kured's. */
function flagOf(name: string): string {
  const line = kured().command.find((word) => word.startsWith(`--${name}=`));
  return line?.slice(name.length + 3) ?? "";
}

/** As kured makes the argument vector of a command (pkg/checkers/checker.go, pkg/reboot/command.go). */
function kuredArgv(command: string): readonly string[] {
  // Without quotes, backslashes and #, google/shlex splits at spaces; and nobody expands what a shell would.
  assertMatch(command, /^[\w./@:=-]+(?: [\w./@:=-]+)*$/);
  return ["/usr/bin/nsenter", "-m/proc/1/ns/mnt", "--", ...command.split(" ")];
}

Deno.test("contrib/kubernetes/kured.yaml: kured knows each flag, may enter the host, and knows its node", () => {
  const { command, env, securityContext } = kured();
  const [program, ...flags] = command;
  assertEquals(program, "/usr/bin/kured");
  for (const flag of flags) assert(KURED_FLAGS.includes(/^--([a-z-]+)=./.exec(flag)?.[1] ?? ""), flag);
  assertEquals([securityContext?.privileged, env.map(({ name }) => name)], [true, ["KURED_NODE_ID"]]);
});

Deno.test("contrib/kubernetes: the units and options that the manifests name exist", () => {
  const text = [...walk()].join("\n");
  for (const [, unit = ""] of text.matchAll(/\b(warmboot-[a-z]+@?)(?:node|\$profile)?\.service/g)) {
    assert(
      [`${unit}.service`, "warmboot-node@.service"].some((name) => UNITS.includes(name)) || /node/.test(unit),
      unit,
    );
  }
  const status = COMMANDS.find(({ name }) => name === "status");
  assert(status !== undefined);
  const calls = [...text.matchAll(/warmboot status (--[a-z=-]+)( \S+)?/g)];
  assert(calls.length >= 6);
  for (const [, option = "", word = ""] of calls) {
    assertEquals(parseInvocation(status, [option, word.trim()]).kind, "invocation", option);
  }
});

function* walk(): Generator<string> {
  for (const path of ["kured.yaml", "system-upgrade-plan.yaml", "node-timer/warmboot-node"]) {
    yield Deno.readTextFileSync(join(FOLDER, path));
  }
}

/** Programs that a test puts in place of others: each notes its arguments, one call a line. */
class Programs implements Disposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "warmboot-programs-" });
  readonly log = join(this.folder, "log");

  add(name: string, script: string): string {
    const path = join(this.folder, name);
    Deno.writeTextFileSync(
      path,
      `#!/bin/sh\nprintf '%s' '${name}' >> '${this.log}'\nprintf ' <%s>' "$@" >> '${this.log}'\n` +
        `echo >> '${this.log}'\n${script}\n`,
    );
    Deno.chmodSync(path, 0o755);
    return path;
  }

  calls(): readonly string[] {
    try {
      return Deno.readTextFileSync(this.log).trimEnd().split("\n");
    } catch {
      return [];
    }
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

const ENTER = 'while [ "$1" != -- ]; do shift; done\nshift\nexec "$@"';

/** Starts an argument vector as kured does, with programs of the test in place of the node's. */
async function execAs(argv: readonly string[], state: string, programs: Programs): Promise<number> {
  const places: { readonly [path: string]: string } = {
    "/usr/bin/nsenter": programs.add("nsenter", ENTER),
    "/usr/bin/warmboot": programs.add(
      "warmboot",
      `exec '${Deno.execPath()}' run --quiet -A --no-check '${
        join(ROOT, "tests/support/kured_host.ts")
      }' ${state} "$@"`,
    ),
  };
  const [program = "", ...args] = argv.map((word) => places[word] ?? word);
  const { code } = await new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).output();
  return code;
}

const SENTINELS: readonly (readonly [state: string, code: number, meaning: string])[] = [
  ["other", 0, "drains a node on which another system runs"],
  ["arrived", 1, "does not drain a node that runs what is declared"],
  ["fell-back", 1, "does not drain a node whose last attempt failed"],
];

for (const [state, code, meaning] of SENTINELS) {
  Deno.test(`kured, which starts the sentinel without a shell, ${meaning}`, async () => {
    using programs = new Programs();
    const command = flagOf("reboot-sentinel-command");
    assertEquals(await execAs(kuredArgv(command), state, programs), code);
    assertEquals(programs.calls(), [
      "nsenter <-m/proc/1/ns/mnt> <--> <" + `${programs.folder}/nsenter` +
      "> <--target> <1> <--uts> <--net> <--> <" + `${programs.folder}/warmboot` +
      "> <status> <--check=reboot-needed> <node>",
      "nsenter <--target> <1> <--uts> <--net> <--> <" + `${programs.folder}/warmboot` +
      "> <status> <--check=reboot-needed> <node>",
      "warmboot <status> <--check=reboot-needed> <node>",
    ]);
  });
}

Deno.test("kured's reboot command starts a unit that loads and reboots outside its container", () => {
  const argv = kuredArgv(flagOf("reboot-command")).slice(3);
  assertEquals(argv, ["/usr/bin/systemctl", "start", "warmboot-reboot@node.service"]);
  assert(UNITS.includes("warmboot-reboot@.service"));
});

Deno.test("status --check=reboot-needed: the line says why, and is never 0 in doubt", async () => {
  using other = await kuredHost("other");
  const ask = async (name = "node") => await other.run(["status", "--check=reboot-needed", name]);
  assertEquals((await ask()).code, 0);
  // A profile that is not there, not valid, or fails.
  assertEquals((await ask("absent")).code, 66);
  writeProfile(other, "version: 1\nkernl: x\n");
  assertEquals((await ask()).code, 65);
  writeProfile(other, "version: 1\nkernel: /boot/vmlinuz\ncmdline: ro\nrequires: { hostname: other }\n");
  const failed = await ask();
  assertEquals(failed.code, 1);
  assertMatch(failed.said, /^not-ready: The plan of node is not ready \(requires-hostname\)/m);
  writeProfile(other, "version: 1\nkernel: /boot/vmlinuz\ncmdline: { reuse: true, append: quiet }\n");
  assertMatch((await ask()).said, /^not-ready: .* would differ again after the reboot/m);
  // One name, and nothing else.
  for (const args of [[], ["a", "b"], ["node", "-o", "json"], ["node", "--booted", "node"]]) {
    assertEquals((await other.run(["status", "--check=reboot-needed", ...args])).code, 64, args.join(" "));
  }
  for (const option of ["--check=", "--check=reboot", "--check=reboot-needed=x"]) {
    assertEquals((await other.run(["status", option, "node"])).code, 64, option);
  }
});

Deno.test("status --check=reboot-needed: an attempt that cannot be read is a doubt", async () => {
  using back = await kuredHost("fell-back");
  const folder = join(back.root, "var/lib/warmboot/attempts");
  for (const { name } of [...Deno.readDirSync(folder)]) {
    if (name.endsWith(".json")) Deno.writeTextFileSync(join(folder, name), "{");
  }
  const { code, said } = await back.run(["status", "--check=reboot-needed", "node"]);
  assertEquals(code, 1);
  assertMatch(said, /^undetermined: \S+\.json cannot be read/m);
});

/** A program in place of warmboot's: how it answers the two questions. */
function answering({ booted = false, needed = false }: Pick<Cluster, "booted" | "needed">): string {
  return `case $2 in --booted) exit ${booted ? 0 : 1} ;; --check=reboot-needed) exit ${
    needed ? 0 : 1
  } ;; esac\nexit 64`;
}

/** Runs a step of the Plan on a node; the exit code, and what was asked of systemd. */
async function planStep(
  which: "prepare" | "upgrade",
  state: Pick<Cluster, "booted" | "needed">,
): Promise<readonly [code: number, asked: readonly string[]]> {
  const [plan] = manifests("system-upgrade-plan.yaml");
  const { command, args = [], securityContext }: Container = plan?.spec[which];
  assertEquals([command, securityContext?.privileged], [["nsenter", "-t", "1", "-m", "-u", "-n", "--"], true]);
  using programs = new Programs();
  programs.add("systemctl", "case $1 in is-active) exit 3 ;; esac");
  programs.add("sleep", "exit 143");
  programs.add("warmboot", answering(state));
  const [program = "", ...rest] = args.map((word) =>
    word.replaceAll("/usr/bin/warmboot", `${programs.folder}/warmboot`)
  );
  const env = { PATH: `${programs.folder}:${Deno.env.get("PATH")}` };
  const { code } = await new Deno.Command(program, { args: rest, env, stdout: "null", stderr: "null" }).output();
  return [code, programs.calls().filter((call) => call.startsWith("systemctl <start>"))];
}

Deno.test("the Plan drains and reboots only where that leads somewhere, and is complete where it led", async () => {
  const other = { needed: true };
  assertEquals(await planStep("prepare", other), [0, []]);
  assertEquals(await planStep("upgrade", other), [143, ["systemctl <start> <warmboot-reboot@node.service>"]]);
  for (const [state, code] of [[{ booted: true }, 0], [{}, 1]] as const) {
    assertEquals(await planStep("prepare", state), [code, []], JSON.stringify(state));
    assertEquals(await planStep("upgrade", state), [code, []], JSON.stringify(state));
  }
});

/** A cluster for contrib/kubernetes/node-timer: who holds the lock, what is asked of it, and what fails. */
interface Cluster {
  readonly needed?: boolean;
  readonly booted?: boolean;
  readonly holder?: string;
  readonly fails?: string;
}

async function node(
  mode: string,
  cluster: Cluster,
): Promise<{ readonly code: number; readonly calls: readonly string[] }> {
  using programs = new Programs();
  const lock = join(programs.folder, "lock");
  if (cluster.holder !== undefined) Deno.writeTextFileSync(lock, cluster.holder);
  programs.add(
    "kubectl",
    `case "$*" in
  *"${cluster.fails ?? "no such call"}"*) exit 1 ;;
  *"create configmap"*) test ! -e '${lock}' || exit 1; for last; do :; done; printf %s "\${last#*node=}" > '${lock}' ;;
  *"get configmap"*) cat '${lock}' 2>/dev/null || : ;;
  *"delete configmap"*) rm -f '${lock}' ;;
esac`,
  );
  programs.add(
    "systemctl",
    `case "$*" in "${cluster.fails ?? "no such call"}"*) exit 1 ;; "is-active"*) exit 3 ;; esac`,
  );
  programs.add("warmboot", answering(cluster));
  const { code } = await new Deno.Command(join(FOLDER, "node-timer/warmboot-node"), {
    args: [mode, "web"],
    env: { PATH: `${programs.folder}:${Deno.env.get("PATH")}`, NODE: "node1" },
    stdout: "null",
    stderr: "null",
  }).output();
  const calls = programs.calls().map((call) => call.replaceAll(/[<>]/g, "").replaceAll("--namespace kube-system ", ""));
  return { code, calls: calls.map((call) => /^\S+(?: \S+){1,2}/.exec(call)?.[0] ?? call) };
}

Deno.test("a node by its own timer: it locks, drains and reboots; it gives up where it is not needed or not its turn", async () => {
  assertEquals(await node("leave", { needed: true }), {
    code: 0,
    calls: [
      "warmboot status --check=reboot-needed",
      "kubectl create configmap",
      "kubectl drain node1",
      "systemctl start warmboot-reboot@web.service",
    ],
  });
  assertEquals(await node("leave", {}), { code: 0, calls: ["warmboot status --check=reboot-needed"] });
  assertEquals((await node("leave", { needed: true, holder: "node2" })).calls, [
    "warmboot status --check=reboot-needed",
    "kubectl create configmap",
    "kubectl get configmap",
  ]);
  // What is left of an earlier try of its own does not stop it.
  assertStringIncludes(
    (await node("leave", { needed: true, holder: "node1" })).calls.join("\n"),
    "kubectl drain node1",
  );
});

Deno.test("a node by its own timer: where the drain or the reboot fails, it goes on working, and unlocks", async () => {
  for (const fails of ["drain", "start"]) {
    const { code, calls } = await node("leave", { needed: true, fails });
    assertEquals([code, calls.slice(-2)], [1, ["kubectl uncordon node1", "kubectl delete configmap"]], fails);
  }
});

Deno.test("a node by its own timer: back, it uncordons and unlocks only as the declared system", async () => {
  const asked = ["kubectl get configmap", "systemctl is-active --quiet", "warmboot status --booted"];
  assertEquals(await node("return", { holder: "node1", booted: true }), {
    code: 0,
    calls: [...asked, "kubectl uncordon node1", "kubectl delete configmap"],
  });
  assertEquals(await node("return", { holder: "node1" }), { code: 3, calls: asked });
  assertEquals(await node("return", { holder: "node2", booted: true }), { code: 0, calls: ["kubectl get configmap"] });
  assertEquals((await node("return", { holder: "node1", fails: "get configmap" })).code, 1);
  assertEquals((await node("other", {})).code, 64);
});
