import { assertEquals } from "@std/assert";
import { diffPlans } from "../../src/diff/compare.ts";
import { ASPECTS, type Diff } from "../../src/diff/diff.ts";
import { diffSchema } from "../../src/diff/diff_shape.ts";
import { diffParameters } from "../../src/diff/parameters.ts";
import { runningSide, type Side } from "../../src/diff/side.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function side(
  profile: Partial<Profile> = {},
  facts: HostFacts = hostFacts(),
  kind: "profile" | "loaded" = "profile",
): Side {
  const { value } = planBoot({ profile: profileOf(profile), facts, images: images(), partDigests: PART_DIGESTS });
  if (value === undefined) throw new Error("Cannot plan");
  return { kind, name: kind === "loaded" ? "@loaded" : "web.yaml", plan: value };
}

/** What was compared at all. */
const compared = ({ changes, unchanged, unknown }: Diff) =>
  ASPECTS.filter((aspect) =>
    unchanged.includes(aspect) || [...changes, ...unknown].some(({ about }) => about === aspect)
  );

pure("what is compared depends on the two sides", () => {
  const file = side();
  const segments = side({ load: "kexec_load" });
  const all = ["kernel", "initrd", "cmdline", "call", "flag", "segment", "reason", "check", "host"];
  const without = (...names: readonly string[]) => all.filter((name) => !names.includes(name));
  assertEquals(compared(diffPlans(file, file)), without("segment"));
  assertEquals([
    compared(diffPlans(file, segments)),
    compared(diffPlans(segments, file)),
    compared(diffPlans(segments, segments)),
  ], [all, all, all]);
  const loaded = side({}, hostFacts(), "loaded");
  assertEquals([compared(diffPlans(loaded, file)), compared(diffPlans(file, loaded))], [
    without("segment", "check"),
    without("segment", "check"),
  ]);
});

pure("parameters of a boot loader are passed over in a running command line, and in no other", () => {
  const cmdline = "BOOT_IMAGE=/k initrd=/i root=LABEL=root ro";
  const declared = side();
  const running = runningSide(hostFacts({ cmdline, release: "6.12.107+deb13-amd64", version: "#1 SMP" }));
  const found = diffPlans(running, declared);
  assertEquals([found.changes.filter(({ about }) => about === "cmdline"), found.ignored], [[], [
    "BOOT_IMAGE=/k",
    "initrd=/i",
  ]]);
  const planned = side({ cmdline: { kind: "parameters", parameters: cmdline.split(" ") } });
  assertEquals(diffPlans(planned, declared).changes.filter(({ about }) => about === "cmdline").length, 2);
  const twice = diffPlans(running, runningSide(hostFacts({ cmdline: "ro" })));
  assertEquals(
    twice.changes.filter(({ about }) => about === "cmdline").map((change) => JSON.stringify(change)).length,
    3,
  );
});

pure("the position of a parameter counts the kernel's, `--`, and those of init", () => {
  assertEquals(diffParameters("a b -- c d", "a -- c e"), [
    { about: "cmdline", action: "remove", from: { word: "b", position: 2 } },
    { about: "cmdline", action: "add", to: { word: "e", position: 4, init: true } },
    { about: "cmdline", action: "remove", from: { word: "d", position: 5, init: true } },
  ]);
  assertEquals(diffParameters("a -- b", "a b"), [{ about: "cmdline", action: "add", to: { word: "b", position: 2 } }, {
    about: "cmdline",
    action: "remove",
    from: { word: "b", position: 3, init: true },
  }]);
});

pure("the schema of a diff has every aspect with its actions and fields", () => {
  assertEquals(diffSchema(), {
    "$schema": "http://json-schema.org/draft-07/schema#",
    title: "warmboot diff",
    description: "What `warmboot diff -o json` and `warmboot status --booted -o json` print",
    type: "object",
    properties: {
      format: { description: "The format of this document", enum: ["warmboot.diff/1"] },
      from: {
        description: "The current state, or what was named first",
        type: "object",
        properties: {
          kind: { description: "What it is", enum: ["profile", "plan", "running", "loaded", "default"] },
          name: { description: "The name that the user gave it", type: "string", minLength: 1 },
        },
        required: ["kind", "name"],
        additionalProperties: false,
      },
      to: {
        description: "What it is compared with",
        type: "object",
        properties: {
          kind: { description: "What it is", enum: ["profile", "plan", "running", "loaded", "default"] },
          name: { description: "The name that the user gave it", type: "string", minLength: 1 },
        },
        required: ["kind", "name"],
        additionalProperties: false,
      },
      same: { description: "True if nothing that could be compared differs", type: "boolean" },
      certain: { description: "True if that is certain: nothing that decides what boots is unknown", type: "boolean" },
      changes: {
        description: "Every difference",
        type: "array",
        items: {
          anyOf: [{
            type: "object",
            properties: {
              about: { enum: ["kernel"] },
              field: { enum: ["release", "version", "path", "image", "sha256", "machine"] },
              action: { enum: ["add"] },
              to: { type: "string" },
            },
            required: ["about", "field", "action", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["kernel"] },
              field: { enum: ["release", "version", "path", "image", "sha256", "machine"] },
              action: { enum: ["remove"] },
              from: { type: "string" },
            },
            required: ["about", "field", "action", "from"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["kernel"] },
              field: { enum: ["release", "version", "path", "image", "sha256", "machine"] },
              action: { enum: ["change"] },
              from: { type: "string" },
              to: { type: "string" },
            },
            required: ["about", "field", "action", "from", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["initrd"] },
              action: { enum: ["add"] },
              to: {
                type: "object",
                properties: {
                  path: { description: "The file", type: "string", minLength: 1 },
                  size: { description: "Its size, bytes", type: "integer", minimum: 0 },
                  sha256: { description: "Its SHA-256", type: "string", pattern: "^[0-9a-f]{64}$" },
                  about: { description: "What it is, for people", type: "string" },
                  position: { description: "Its position in the list, from 1", type: "integer", minimum: 0 },
                },
                required: ["path", "size", "sha256", "about", "position"],
                additionalProperties: false,
              },
            },
            required: ["about", "action", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["initrd"] },
              action: { enum: ["remove"] },
              from: {
                type: "object",
                properties: {
                  path: { description: "The file", type: "string", minLength: 1 },
                  size: { description: "Its size, bytes", type: "integer", minimum: 0 },
                  sha256: { description: "Its SHA-256", type: "string", pattern: "^[0-9a-f]{64}$" },
                  about: { description: "What it is, for people", type: "string" },
                  position: { description: "Its position in the list, from 1", type: "integer", minimum: 0 },
                },
                required: ["path", "size", "sha256", "about", "position"],
                additionalProperties: false,
              },
            },
            required: ["about", "action", "from"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["initrd"] },
              action: { enum: ["change"] },
              from: {
                type: "object",
                properties: {
                  path: { description: "The file", type: "string", minLength: 1 },
                  size: { description: "Its size, bytes", type: "integer", minimum: 0 },
                  sha256: { description: "Its SHA-256", type: "string", pattern: "^[0-9a-f]{64}$" },
                  about: { description: "What it is, for people", type: "string" },
                  position: { description: "Its position in the list, from 1", type: "integer", minimum: 0 },
                },
                required: ["path", "size", "sha256", "about", "position"],
                additionalProperties: false,
              },
              to: {
                type: "object",
                properties: {
                  path: { description: "The file", type: "string", minLength: 1 },
                  size: { description: "Its size, bytes", type: "integer", minimum: 0 },
                  sha256: { description: "Its SHA-256", type: "string", pattern: "^[0-9a-f]{64}$" },
                  about: { description: "What it is, for people", type: "string" },
                  position: { description: "Its position in the list, from 1", type: "integer", minimum: 0 },
                },
                required: ["path", "size", "sha256", "about", "position"],
                additionalProperties: false,
              },
            },
            required: ["about", "action", "from", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["initrd"] },
              action: { enum: ["move"] },
              from: {
                type: "object",
                properties: {
                  path: { description: "The file", type: "string", minLength: 1 },
                  size: { description: "Its size, bytes", type: "integer", minimum: 0 },
                  sha256: { description: "Its SHA-256", type: "string", pattern: "^[0-9a-f]{64}$" },
                  about: { description: "What it is, for people", type: "string" },
                  position: { description: "Its position in the list, from 1", type: "integer", minimum: 0 },
                },
                required: ["path", "size", "sha256", "about", "position"],
                additionalProperties: false,
              },
              to: {
                type: "object",
                properties: {
                  path: { description: "The file", type: "string", minLength: 1 },
                  size: { description: "Its size, bytes", type: "integer", minimum: 0 },
                  sha256: { description: "Its SHA-256", type: "string", pattern: "^[0-9a-f]{64}$" },
                  about: { description: "What it is, for people", type: "string" },
                  position: { description: "Its position in the list, from 1", type: "integer", minimum: 0 },
                },
                required: ["path", "size", "sha256", "about", "position"],
                additionalProperties: false,
              },
            },
            required: ["about", "action", "from", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["cmdline"] },
              action: { enum: ["add"] },
              to: {
                type: "object",
                properties: {
                  word: { description: "The parameter, with its quotes", type: "string", minLength: 1 },
                  position: { description: "Its position among the parameters, from 1", type: "integer", minimum: 0 },
                  init: { description: "It follows `--`, and belongs to init", enum: [true] },
                },
                required: ["word", "position"],
                additionalProperties: false,
              },
            },
            required: ["about", "action", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["cmdline"] },
              action: { enum: ["remove"] },
              from: {
                type: "object",
                properties: {
                  word: { description: "The parameter, with its quotes", type: "string", minLength: 1 },
                  position: { description: "Its position among the parameters, from 1", type: "integer", minimum: 0 },
                  init: { description: "It follows `--`, and belongs to init", enum: [true] },
                },
                required: ["word", "position"],
                additionalProperties: false,
              },
            },
            required: ["about", "action", "from"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["cmdline"] },
              action: { enum: ["change"] },
              from: {
                type: "object",
                properties: {
                  word: { description: "The parameter, with its quotes", type: "string", minLength: 1 },
                  position: { description: "Its position among the parameters, from 1", type: "integer", minimum: 0 },
                  init: { description: "It follows `--`, and belongs to init", enum: [true] },
                },
                required: ["word", "position"],
                additionalProperties: false,
              },
              to: {
                type: "object",
                properties: {
                  word: { description: "The parameter, with its quotes", type: "string", minLength: 1 },
                  position: { description: "Its position among the parameters, from 1", type: "integer", minimum: 0 },
                  init: { description: "It follows `--`, and belongs to init", enum: [true] },
                },
                required: ["word", "position"],
                additionalProperties: false,
              },
            },
            required: ["about", "action", "from", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["cmdline"] },
              action: { enum: ["move"] },
              from: {
                type: "object",
                properties: {
                  word: { description: "The parameter, with its quotes", type: "string", minLength: 1 },
                  position: { description: "Its position among the parameters, from 1", type: "integer", minimum: 0 },
                  init: { description: "It follows `--`, and belongs to init", enum: [true] },
                },
                required: ["word", "position"],
                additionalProperties: false,
              },
              to: {
                type: "object",
                properties: {
                  word: { description: "The parameter, with its quotes", type: "string", minLength: 1 },
                  position: { description: "Its position among the parameters, from 1", type: "integer", minimum: 0 },
                  init: { description: "It follows `--`, and belongs to init", enum: [true] },
                },
                required: ["word", "position"],
                additionalProperties: false,
              },
            },
            required: ["about", "action", "from", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["call"] },
              field: { description: "The part of the call, by its path", type: "string" },
              action: { enum: ["change"] },
              from: { type: "string", minLength: 1 },
              to: { type: "string", minLength: 1 },
            },
            required: ["about", "field", "action", "from", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: { about: { enum: ["flag"] }, action: { enum: ["add"] }, to: { type: "string", minLength: 1 } },
            required: ["about", "action", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["flag"] },
              action: { enum: ["remove"] },
              from: { type: "string", minLength: 1 },
            },
            required: ["about", "action", "from"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["segment"] },
              name: { description: "The segment's name", type: "string" },
              fate: {
                description: "What happened to a segment that both sides have",
                type: "array",
                items: { enum: ["moved", "grown", "shrunk", "content"] },
              },
              action: { enum: ["add"] },
              to: {
                type: "object",
                properties: {
                  mem: { description: "Its physical address", type: "string", pattern: "^0x[0-9a-f]{1,16}$" },
                  memsz: { description: "The memory it takes, bytes", type: "integer", minimum: 0 },
                  bufsz: { description: "The bytes copied", type: "integer", minimum: 0 },
                  sha256: { description: "SHA-256 of the bytes copied", type: "string", pattern: "^[0-9a-f]{64}$" },
                },
                required: ["mem", "memsz", "bufsz", "sha256"],
                additionalProperties: false,
              },
            },
            required: ["about", "name", "fate", "action", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["segment"] },
              name: { description: "The segment's name", type: "string" },
              fate: {
                description: "What happened to a segment that both sides have",
                type: "array",
                items: { enum: ["moved", "grown", "shrunk", "content"] },
              },
              action: { enum: ["remove"] },
              from: {
                type: "object",
                properties: {
                  mem: { description: "Its physical address", type: "string", pattern: "^0x[0-9a-f]{1,16}$" },
                  memsz: { description: "The memory it takes, bytes", type: "integer", minimum: 0 },
                  bufsz: { description: "The bytes copied", type: "integer", minimum: 0 },
                  sha256: { description: "SHA-256 of the bytes copied", type: "string", pattern: "^[0-9a-f]{64}$" },
                },
                required: ["mem", "memsz", "bufsz", "sha256"],
                additionalProperties: false,
              },
            },
            required: ["about", "name", "fate", "action", "from"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["segment"] },
              name: { description: "The segment's name", type: "string" },
              fate: {
                description: "What happened to a segment that both sides have",
                type: "array",
                items: { enum: ["moved", "grown", "shrunk", "content"] },
              },
              action: { enum: ["change"] },
              from: {
                type: "object",
                properties: {
                  mem: { description: "Its physical address", type: "string", pattern: "^0x[0-9a-f]{1,16}$" },
                  memsz: { description: "The memory it takes, bytes", type: "integer", minimum: 0 },
                  bufsz: { description: "The bytes copied", type: "integer", minimum: 0 },
                  sha256: { description: "SHA-256 of the bytes copied", type: "string", pattern: "^[0-9a-f]{64}$" },
                },
                required: ["mem", "memsz", "bufsz", "sha256"],
                additionalProperties: false,
              },
              to: {
                type: "object",
                properties: {
                  mem: { description: "Its physical address", type: "string", pattern: "^0x[0-9a-f]{1,16}$" },
                  memsz: { description: "The memory it takes, bytes", type: "integer", minimum: 0 },
                  bufsz: { description: "The bytes copied", type: "integer", minimum: 0 },
                  sha256: { description: "SHA-256 of the bytes copied", type: "string", pattern: "^[0-9a-f]{64}$" },
                },
                required: ["mem", "memsz", "bufsz", "sha256"],
                additionalProperties: false,
              },
            },
            required: ["about", "name", "fate", "action", "from", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["reason"] },
              action: { enum: ["add"] },
              to: {
                type: "object",
                properties: {
                  code: { description: "The reason's name", type: "string", minLength: 1 },
                  message: { description: "The reason, for people", type: "string", minLength: 1 },
                },
                required: ["code", "message"],
                additionalProperties: false,
              },
            },
            required: ["about", "action", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["reason"] },
              action: { enum: ["remove"] },
              from: {
                type: "object",
                properties: {
                  code: { description: "The reason's name", type: "string", minLength: 1 },
                  message: { description: "The reason, for people", type: "string", minLength: 1 },
                },
                required: ["code", "message"],
                additionalProperties: false,
              },
            },
            required: ["about", "action", "from"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["check"] },
              rule: { type: "string" },
              action: { enum: ["add"] },
              to: {
                type: "object",
                properties: {
                  status: { description: "The verdict", enum: ["pass", "warn", "fail"] },
                  message: { description: "What was found, for people", type: "string", minLength: 1 },
                },
                required: ["status", "message"],
                additionalProperties: false,
              },
            },
            required: ["about", "rule", "action", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["check"] },
              rule: { type: "string" },
              action: { enum: ["remove"] },
              from: {
                type: "object",
                properties: {
                  status: { description: "The verdict", enum: ["pass", "warn", "fail"] },
                  message: { description: "What was found, for people", type: "string", minLength: 1 },
                },
                required: ["status", "message"],
                additionalProperties: false,
              },
            },
            required: ["about", "rule", "action", "from"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["check"] },
              rule: { type: "string" },
              action: { enum: ["change"] },
              from: {
                type: "object",
                properties: {
                  status: { description: "The verdict", enum: ["pass", "warn", "fail"] },
                  message: { description: "What was found, for people", type: "string", minLength: 1 },
                },
                required: ["status", "message"],
                additionalProperties: false,
              },
              to: {
                type: "object",
                properties: {
                  status: { description: "The verdict", enum: ["pass", "warn", "fail"] },
                  message: { description: "What was found, for people", type: "string", minLength: 1 },
                },
                required: ["status", "message"],
                additionalProperties: false,
              },
            },
            required: ["about", "rule", "action", "from", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["host"] },
              field: { enum: ["hostname", "machine", "release"] },
              action: { enum: ["add"] },
              to: { type: "string" },
            },
            required: ["about", "field", "action", "to"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["host"] },
              field: { enum: ["hostname", "machine", "release"] },
              action: { enum: ["remove"] },
              from: { type: "string" },
            },
            required: ["about", "field", "action", "from"],
            additionalProperties: false,
          }, {
            type: "object",
            properties: {
              about: { enum: ["host"] },
              field: { enum: ["hostname", "machine", "release"] },
              action: { enum: ["change"] },
              from: { type: "string" },
              to: { type: "string" },
            },
            required: ["about", "field", "action", "from", "to"],
            additionalProperties: false,
          }],
        },
      },
      unchanged: {
        description: "What was compared and is the same",
        type: "array",
        items: { enum: ["kernel", "initrd", "cmdline", "call", "flag", "segment", "reason", "check", "host"] },
      },
      unknown: {
        description: "What could not be compared",
        type: "array",
        items: {
          type: "object",
          properties: {
            about: {
              description: "The aspect",
              enum: ["kernel", "initrd", "cmdline", "call", "flag", "segment", "reason", "check", "host"],
            },
            side: { description: "The side on which it is unknown", type: "string", minLength: 1 },
            what: { description: "What is unknown, for people", type: "string", minLength: 1 },
          },
          required: ["about", "side", "what"],
          additionalProperties: false,
        },
      },
      ignored: {
        description: "Parameters of the running command line that describe how it was booted",
        type: "array",
        items: { type: "string", minLength: 1 },
      },
    },
    required: ["format", "from", "to", "same", "certain", "changes", "unchanged", "unknown", "ignored"],
    additionalProperties: false,
  });
});
