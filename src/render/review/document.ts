import { digestBytes } from "../../core/sha256.ts";
import { visible } from "../../core/text.ts";
import { escapeXml } from "../xml.ts";
import { PATTERNS, STYLE as PICTURE_STYLE } from "../svg.ts";
import { PAGE_SCRIPT, PAGE_STYLE } from "./assets.ts";
import type { HostPlans, ReviewFit, ReviewIndex } from "./model.ts";
import { deflated, packTexts } from "./packed.ts";

/** A host as the page gets it. */
export interface ReviewedHost {
  readonly host: string;
  /** The verdict of each profile. */
  readonly fits: readonly ReviewFit[];
  /** The plan of each profile. */
  readonly plans: HostPlans;
}

/** The hosts whose plans are packed together: enough to share what is equal, few enough to be opened at once. */
const HOSTS_IN_PART = 20;

/** Collects what the page shows, host after host; packed parts are all that it keeps of their plans. */
export interface ReviewCollector {
  add(host: ReviewedHost): Promise<void>;
  /** The page: one file, which asks for nothing from anywhere. */
  page(): Promise<string>;
}

/** Starts a page about profiles: each by a name, which is unique, and its file. */
export function reviewCollector(profiles: ReviewIndex["profiles"]): ReviewCollector {
  const hosts: string[] = [];
  const fits = new Map<string, { readonly index: number; readonly fit: ReviewFit }>();
  const cells: number[] = [];
  const parts: string[] = [];
  let part: HostPlans[] = [];
  const pack = async (): Promise<void> => {
    if (part.length === 0) return;
    parts.push(await deflated(packTexts(part)));
    part = [];
  };
  return {
    async add({ host, fits: own, plans }) {
      hosts.push(host);
      for (const fit of own) {
        const key = JSON.stringify(fit);
        const known = fits.get(key) ?? { index: fits.size, fit };
        fits.set(key, known);
        cells.push(known.index);
      }
      part.push(plans);
      if (part.length === HOSTS_IN_PART) await pack();
    },
    async page() {
      await pack();
      const texts = packTexts([profiles, hosts, [...fits.values()].map(({ fit }) => fit)]);
      const index = await deflated(JSON.stringify({ texts: JSON.parse(texts), cells, hostsInPart: HOSTS_IN_PART }));
      return await documentOf(titleOf(profiles, hosts), index, parts);
    },
  };
}

function titleOf(profiles: ReviewIndex["profiles"], hosts: readonly string[]): string {
  const [profile] = profiles;
  const [host] = hosts;
  if (profiles.length === 1 && hosts.length === 1) return `${profile?.[0] ?? ""} on ${host ?? ""}`;
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  return `${count(profiles.length, "profile")} on ${count(hosts.length, "host")}`;
}

async function documentOf(title: string, index: string, parts: readonly string[]): Promise<string> {
  const style = `\n${PICTURE_STYLE}${PAGE_STYLE}`;
  const script = `\n${PAGE_SCRIPT}`;
  const policy = [
    "default-src 'none'",
    `script-src '${await hashOf(script)}'`,
    `style-src '${await hashOf(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const shown = escapeXml(visible(title));
  const data = (id: string, text: string): string =>
    `<script type="application/octet-stream" id="${id}">${text}</script>`;
  return [
    "<!DOCTYPE html>",
    '<html lang="en">',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<meta name="generator" content="warmboot plan -o html">',
    `<title>${shown} - warmboot review</title>`,
    `<style>${style}</style>`,
    "<body>",
    `<header><h1>${shown}</h1><p class="made">What <code>warmboot plan</code> would do, and why. Nothing was changed.</p></header>`,
    '<main id="main"><p id="loading">Opening the review. It needs JavaScript.</p></main>',
    data("patterns", PATTERNS),
    data("index", index),
    ...parts.map((part, number) => data(`part-${number}`, part)),
    `<script type="module">${script}</script>`,
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

async function hashOf(text: string): Promise<string> {
  const digest = await digestBytes(new TextEncoder().encode(text));
  return `sha256-${Uint8Array.fromHex(digest).toBase64()}`;
}
