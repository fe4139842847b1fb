import { LOG_COMMAND } from "../core/text.ts";

/**
 * Text as content or attribute of XML 1.0, which cannot write most control characters: they become U+FFFD. What CI systems
 * would take for a command is escaped.
 */
export function escapeXml(text: string): string {
  return text.toWellFormed()
    // deno-lint-ignore no-control-regex
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]/g, "\ufffd")
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;").replaceAll("'", "&#39;")
    .replaceAll(LOG_COMMAND, "&#35;&#35;");
}
