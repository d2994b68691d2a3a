// Chromium without a window, over a pipe: no port, and nothing but node is needed.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATIENCE = 60_000;
const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

export async function open(url, { width = 1180, height = 480 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "chunkwise-chromium-"));
  const flags = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--no-proxy-server",
    `--user-data-dir=${folder}`, `--window-size=${width},${height}`, "--remote-debugging-pipe", "about:blank",
  ];
  const program = process.env.CHUNKWISE_CHROMIUM || "chromium";
  const child = spawn(program, flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const [to, from] = [child.stdio[3], child.stdio[4]];
  const waiting = new Map();
  const said = [];
  let [number, rest] = [0, ""];
  from.setEncoding("utf8").on("data", (text) => {
    const messages = (rest + text).split("\0");
    rest = messages.pop();
    for (const message of messages.map((text) => JSON.parse(text))) {
      if (message.id === undefined) {
        if (message.method === "Runtime.exceptionThrown") said.push(message.params.exceptionDetails.text);
        if (message.method === "Log.entryAdded") said.push(`${message.params.entry.text} ${message.params.entry.url || ""}`);
        continue;
      }
      const { resolve, reject } = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.error) reject(new Error(message.error.message));
      else resolve(message.result);
    }
  });
  const send = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
    number += 1;
    waiting.set(number, { resolve, reject });
    to.write(`${JSON.stringify({ id: number, method, params, sessionId })}\0`);
  });
  child.on("exit", () => waiting.forEach(({ reject }) => reject(new Error("chromium ended"))));

  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  const ask = (method, params) => send(method, params, sessionId);
  for (const domain of ["Page", "Runtime", "Log"]) await ask(`${domain}.enable`);
  await ask("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  await ask("Page.navigate", { url });

  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await ask("Runtime.evaluate", {
      expression, awaitPromise: true, returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description || exceptionDetails.text);
    return result.value;
  };
  return {
    evaluate,
    /** Waits until an expression is true, and gives its value. */
    async until(expression) {
      const late = Date.now() + PATIENCE;
      for (;;) {
        const value = await evaluate(expression);
        if (value) return value;
        if (Date.now() > late) {
          const page = await evaluate("document.documentElement.outerHTML");
          throw new Error(`it never came to be that ${expression}\n${said.join("\n")}\n${page}`);
        }
        await pause(50);
      }
    },
    /** Types as a person does. */
    async type(selector, text) {
      await evaluate(`document.querySelector(${JSON.stringify(selector)}).focus()`);
      await ask("Input.insertText", { text });
    },
    async dark(yes) {
      await ask("Emulation.setEmulatedMedia", {
        features: [{ name: "prefers-color-scheme", value: yes ? "dark" : "light" }],
      });
    },
    async screenshot(path) {
      const { data } = await ask("Page.captureScreenshot", { format: "png" });
      writeFileSync(path, Buffer.from(data, "base64"));
    },
    said,
    async close() {
      const gone = new Promise((resolve) => child.on("exit", resolve));
      child.kill("SIGKILL");
      await gone;
      // Its helpers end after it, and write until then.
      for (let left = 20; ; left -= 1) {
        try {
          rmSync(folder, { recursive: true, force: true });
          return;
        } catch (error) {
          if (left === 0) throw error;
          await pause(100);
        }
      }
    },
  };
}
