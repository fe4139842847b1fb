// deno-lint-ignore-file no-console
/**
 * `conformance [STATE]` makes every call of the conformance table, or those of one state, past all checks of warmboot, and
 * prints as JSON what the kernel answered and what warmboot would have said. Nothing stays loaded. For a guest only: it
 * ends with loading disabled.
 */
import { collect } from "../../../src/host/capture.ts";
import { decodeFacts } from "../../../src/host/decode_facts.ts";
import type { HostFacts } from "../../../src/host/facts.ts";
import { liveReader } from "../../../src/host/live.ts";
import { openLibc } from "../../../src/syscall/libc.ts";
import { crashReservation, freeMemory } from "../../../src/plan/placement/free_memory.ts";
import { archBits } from "../conformance/attempts.ts";
import { type Places, type State, STATES } from "../conformance/condition.ts";
import { makeFiles } from "../conformance/files.ts";
import { makeCall } from "../conformance/make_call.ts";
import type { Observation } from "../conformance/observation.ts";
import { drop, enter } from "../conformance/states.ts";
import { CONDITIONS, stateOf } from "../conformance/table.ts";
import { verdictOn } from "../conformance/verdict.ts";
import { machineMemory } from "../../../src/arch/machines.ts";
import { errnoName } from "../../../src/syscall/errno.ts";

const ALIGNMENT = 2n << 20n;

function hostFacts(): HostFacts {
  const { value, diagnostics } = decodeFacts(collect(liveReader()));
  if (value === undefined) throw new Error(JSON.stringify(diagnostics));
  return value;
}

/** In a user namespace no address is known, and none matters. */
function placesOf(facts: HostFacts): Places {
  const { pageSize, memTotal = 0n } = facts;
  const free = freeMemory(facts, { crash: false }).value ?? [];
  const [largest] = free.toSorted((a, b) => Number((b.end - b.start) - (a.end - a.start)));
  const start = ((largest?.start ?? 0n) / ALIGNMENT + 8n) * ALIGNMENT;
  const limit = machineMemory(facts).limit / pageSize * pageSize;
  return {
    pageSize,
    free: start,
    nowhere: limit - 16n * pageSize,
    limit,
    half: memTotal / pageSize / 2n * pageSize,
    reservation: crashReservation(facts) ?? { start, end: start + ALIGNMENT },
    native: archBits(Deno.build.arch),
  };
}

async function observe(state: State): Promise<readonly Observation[]> {
  const rows = CONDITIONS.filter((condition) => stateOf(condition) === state);
  const entered = enter(state, booted, libc);
  if (entered === "not there") return rows.map(({ id }) => ({ id, answer: "not there", fails: [], warns: [] }));
  const facts = hostFacts();
  const places = placesOf(facts);
  const observations: Observation[] = [];
  for (const { id, attempt, ours } of rows) {
    const call = attempt(places);
    const errno = makeCall(call, libc);
    if (errno === 0) [false, true].forEach((crash) => drop(crash, libc));
    const verdict = await verdictOn(call, ours, facts, errno);
    observations.push({ id, answer: errno === 0 ? "accepted" : errnoName(errno), ...verdict });
  }
  await entered.leave?.();
  return observations;
}

if (!Deno.readTextFileSync("/proc/cmdline").includes("warmboot.vm")) {
  throw new Error("This is for the guests of the tests: it disables loading for good");
}
const [only] = Deno.args;
using libc = openLibc();
const booted = placesOf(hostFacts());
if (only === undefined) makeFiles(booted.half);
const states = STATES.filter((state) => only === undefined ? state !== "user namespace" : state === only);
const all: Observation[] = [];
for (const state of states) all.push(...await observe(state));
console.log(JSON.stringify(all));
