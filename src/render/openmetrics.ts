import { visible } from "../core/text.ts";
import type { Check } from "../plan/plan.ts";
import type { ImageStatus, Status } from "../state/status.ts";

interface Sample {
  readonly labels: { readonly [name: string]: string };
  readonly value: number;
}

/** One family of metrics. All are gauges, the type that both OpenMetrics and node_exporter's older format know. */
interface Family {
  readonly name: string;
  readonly help: string;
  /** Empty where the host does not report it. */
  samples(status: Status): readonly Sample[];
}

const RECORDS: readonly ImageStatus["record"][] = [
  "matches",
  "unconfirmed",
  "none",
  "stale",
  "interrupted",
  "unreadable",
];
const VERDICTS: readonly Check["status"][] = ["pass", "warn", "fail"];

const FAMILIES: readonly Family[] = [
  {
    name: "warmboot_image_loaded",
    help: "Whether the kernel reports a loaded image; absent where it does not say",
    samples: perImage(({ loaded }) => loaded === "unknown" ? undefined : Number(loaded === "yes")),
  },
  {
    name: "warmboot_image_record",
    help: "Whether the record of the load is in this state: 1 for one state, 0 for the others",
    samples: ({ images }) =>
      images.flatMap(({ image, record }) =>
        RECORDS.map((state) => ({ labels: { image, record: state }, value: Number(record === state) }))
      ),
  },
  {
    name: "warmboot_image_info",
    help: "What warmboot loaded, in the labels; absent where the record is not about the loaded image",
    samples: ({ images }) =>
      images.filter(isRecorded).map(({ image, profile = "", release = "", user = "" }) => ({
        labels: { image, profile, release, user },
        value: 1,
      })),
  },
  {
    name: "warmboot_image_load_timestamp_seconds",
    help: "When the image was loaded, seconds since 1970",
    samples: perImage((image) => isRecorded(image) ? unixSeconds(image.loadedAt) : undefined),
  },
  {
    name: "warmboot_image_changes",
    help: "How many changes of files, memory and CPUs the loaded image does not have",
    samples: perImage(({ changes }) => changes?.length),
  },
  {
    name: "warmboot_image_spent",
    help: "Whether a payload that returns has run, and must be loaded again before the next run",
    samples: perImage(({ runs }) => runs === undefined ? undefined : Number(runs === "spent")),
  },
  {
    name: "warmboot_crash_reserved_bytes",
    help: "Memory that is reserved for a crash kernel; absent where the host does not say",
    samples: ({ crash: { size } }) => size === undefined ? [] : [{ labels: {}, value: size }],
  },
  {
    name: "warmboot_host_checks",
    help: "How many checks of what the host allows have this result",
    samples: ({ allows }) =>
      VERDICTS.map((verdict) => ({
        labels: { result: verdict },
        value: allows.filter(({ status }) => status === verdict).length,
      })),
  },
  {
    name: "warmboot_reboot_is_kexec",
    help: "Whether an ordinary systemctl reboot boots the loaded image",
    samples: ({ rebootIsKexec }) => [{ labels: {}, value: Number(rebootIsKexec) }],
  },
];

/**
 * A status as metrics: OpenMetrics 1.0 text, of which only that is used which is also the Prometheus text format 0.0.4,
 * the one that node_exporter's textfile collector reads.
 */
export function renderOpenMetrics(status: Status): string {
  const lines = FAMILIES.flatMap(({ name, help, samples }) => {
    const found = samples(status);
    if (found.length === 0) return [];
    return [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} gauge`,
      ...found.map(({ labels, value }) => `${name}${labelsText(labels)} ${value}`),
    ];
  });
  return [...lines, "# EOF", ""].join("\n");
}

function perImage(value: (image: ImageStatus) => number | undefined): Family["samples"] {
  return ({ images }) =>
    images.flatMap((image) => {
      const number = value(image);
      return number === undefined ? [] : [{ labels: { image: image.image }, value: number }];
    });
}

function isRecorded({ record }: ImageStatus): boolean {
  return record === "matches" || record === "unconfirmed";
}

/** Undefined where a record has a text that is not a time. */
function unixSeconds(time: string | undefined): number | undefined {
  const milliseconds = Date.parse(time ?? "");
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}

function labelsText(labels: Sample["labels"]): string {
  const all = Object.entries(labels).map(([name, value]) => `${name}="${labelText(value)}"`);
  return all.length === 0 ? "" : `{${all.join(",")}}`;
}

/** The format escapes three characters. Others that a terminal acts on are shown as pictures. */
function labelText(value: string): string {
  const escaped = value.toWellFormed().replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return visible(escaped);
}
