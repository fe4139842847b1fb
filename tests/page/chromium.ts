/** A headless Chromium, driven by its DevTools protocol: as little of it as the tests of the review page need. */

/** Where Debian's package puts it. */
export const CHROMIUM = "/usr/bin/chromium";

/** A page that is open in the browser. */
export interface Page extends AsyncDisposable {
  /** Goes to an address, and waits until the page is loaded. */
  go(url: string): Promise<void>;
  /** The value of an expression, or of its promise. Throws what it throws. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until an expression is true. */
  until(expression: string): Promise<void>;
  /** Clicks the middle of the first element of a selector. */
  click(selector: string): Promise<void>;
  /** Presses a key, by its name in KeyboardEvent.key. */
  press(key: string): Promise<void>;
  type(text: string): Promise<void>;
  /** A picture of what is seen, PNG. */
  screenshot(): Promise<Uint8Array>;
  /** CSS pixels. */
  resize(width: number, height: number): Promise<void>;
  /** As a media feature, or the medium. */
  emulate(media: { readonly colorScheme?: "light" | "dark"; readonly medium?: "screen" | "print" }): Promise<void>;
  back(): Promise<void>;
  /** Addresses that were asked for since the page was opened. */
  readonly requests: readonly string[];
  /** What the page wrote to its console, and errors that nothing caught. */
  readonly complaints: readonly string[];
}

type Answer = { readonly [key: string]: unknown };

/** Starts the browser with a page that is as large as a laptop's. */
export async function openPage(): Promise<Page> {
  const profile = Deno.makeTempDirSync({ prefix: "warmboot-chromium-" });
  const process = new Deno.Command(CHROMIUM, {
    args: [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
      "--remote-debugging-port=0",
      `--user-data-dir=${profile}`,
      "about:blank",
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const stop = async (): Promise<void> => {
    process.kill("SIGKILL");
    await process.status;
    await process.stderr.cancel().catch(() => {});
    Deno.removeSync(profile, { recursive: true });
  };
  try {
    const browser = await connect(await addressIn(process.stderr));
    const { targetId } = await browser.call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await browser.call("Target.attachToTarget", { targetId, flatten: true });
    return await pageOf(browser, String(sessionId), async () => {
      browser.close();
      await stop();
    });
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The address that the browser prints. */
async function addressIn(stderr: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const reader = stderr.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`Chromium ended: ${text}`);
    text += new TextDecoder().decode(value);
    const found = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
    if (found === undefined) continue;
    reader.releaseLock();
    return found;
  }
}

interface Browser {
  call(method: string, params?: Answer, sessionId?: string): Promise<Answer>;
  on(listener: (method: string, params: Answer) => void): void;
  close(): void;
}

async function connect(url: string): Promise<Browser> {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  let last = 0;
  const waiting = new Map<number, PromiseWithResolvers<Answer>>();
  const listeners: ((method: string, params: Answer) => void)[] = [];
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.id === undefined) {
      for (const listener of listeners) listener(message.method, message.params);
      return;
    }
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error === undefined) call?.resolve(message.result);
    else call?.reject(new Error(message.error.message));
  };
  return {
    call(method, params = {}, sessionId) {
      const call = Promise.withResolvers<Answer>();
      waiting.set(++last, call);
      socket.send(JSON.stringify({ id: last, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
      return call.promise;
    },
    on: (listener) => void listeners.push(listener),
    close: () => socket.close(),
  };
}

/** How long anything may take, milliseconds: the machine may be busy. */
const PATIENCE = 120_000;

async function pageOf(browser: Browser, session: string, close: () => Promise<void>): Promise<Page> {
  const requests: string[] = [];
  const complaints: string[] = [];
  let loaded = Promise.withResolvers<void>();
  browser.on((method, params) => {
    if (method === "Page.loadEventFired") loaded.resolve();
    if (method === "Network.requestWillBeSent") requests.push(textAt(params, "request", "url"));
    if (method === "Log.entryAdded") complaints.push(textAt(params, "entry", "text"));
    if (method === "Runtime.exceptionThrown") complaints.push(JSON.stringify(params));
    if (method === "Runtime.consoleAPICalled") complaints.push(JSON.stringify(params.args));
  });
  const call = (method: string, params: Answer = {}): Promise<Answer> => browser.call(method, params, session);
  for (const domain of ["Page", "Network", "Log", "Runtime"]) await call(`${domain}.enable`);
  const evaluate = async <T>(expression: string): Promise<T> => {
    const { result, exceptionDetails } = await call("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    }) as { readonly result: { readonly value: T }; readonly exceptionDetails?: unknown };
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return result.value;
  };
  const until = async (expression: string): Promise<void> => {
    const end = performance.now() + PATIENCE;
    while (!await evaluate<boolean>(`Boolean(${expression})`)) {
      if (performance.now() > end) throw new Error(`Never true: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const page: Page = {
    requests,
    complaints,
    async go(url) {
      loaded = Promise.withResolvers();
      await call("Page.navigate", { url });
      await loaded.promise;
    },
    evaluate,
    until,
    async click(selector) {
      const [x, y] = await evaluate<readonly [number, number]>(`(() => {
        const found = document.querySelector(${JSON.stringify(selector)});
        found.scrollIntoView({ block: "center", inline: "center" });
        const { x, y, width, height } = found.getBoundingClientRect();
        return [x + width / 2, y + height / 2];
      })()`);
      for (const type of ["mousePressed", "mouseReleased"]) {
        await call("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
      }
    },
    async press(key) {
      const codes: { readonly [key: string]: number } = { Enter: 13, Escape: 27, Tab: 9, Home: 36, End: 35 };
      const arrows = ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"].indexOf(key);
      const code = codes[key] ?? (arrows < 0 ? key.toUpperCase().charCodeAt(0) : 37 + arrows);
      const text = key === "Enter" ? "\r" : key.length === 1 ? key : undefined;
      const event = { key, code: key, windowsVirtualKeyCode: code, ...(text === undefined ? {} : { text }) };
      await call("Input.dispatchKeyEvent", { type: "keyDown", ...event });
      await call("Input.dispatchKeyEvent", { type: "keyUp", ...event });
    },
    type: async (text) => void await call("Input.insertText", { text }),
    async screenshot() {
      const { data } = await call("Page.captureScreenshot", { format: "png" });
      return Uint8Array.fromBase64(String(data));
    },
    resize: async (width, height) =>
      void await call("Emulation.setDeviceMetricsOverride", {
        width,
        height,
        deviceScaleFactor: 1,
        mobile: width < 600,
      }),
    emulate: async ({ colorScheme = "light", medium = "screen" }) =>
      void await call("Emulation.setEmulatedMedia", {
        media: medium,
        features: [{ name: "prefers-color-scheme", value: colorScheme }],
      }),
    async back() {
      await evaluate("history.back()");
    },
    [Symbol.asyncDispose]: close,
  };
  await page.resize(1280, 900);
  return page;
}

function textAt(value: Answer, ...keys: readonly string[]): string {
  const found = keys.reduce<unknown>(
    (at, key) => typeof at === "object" && at !== null ? new Map(Object.entries(at)).get(key) : undefined,
    value,
  );
  return String(found);
}
