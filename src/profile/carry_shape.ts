import { choice, list, type Shape } from "../core/shape.ts";
import { CARRIED_PARTS, type CarriedPart } from "./profile.ts";
import { refine } from "./refine.ts";

const PART = choice([...CARRIED_PARTS], { net: "network", networking: "network", ip: "network", addresses: "network" });

/** The key `carry`: each part once. */
export const carry: Shape<readonly CarriedPart[]> = refine(
  list(PART),
  (parts, at, report) => {
    const second = parts.findIndex((part, index) => parts.indexOf(part) < index);
    if (second < 0) return parts;
    return void report({
      code: "conflict",
      severity: "error",
      message: `\`${parts[second]}\` is listed twice`,
      path: [...at, second],
      hint: "Remove one of them",
    });
  },
  { type: "array", items: PART.schema, uniqueItems: true },
);
