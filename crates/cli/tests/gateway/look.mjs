// The page at / as a person uses it: look.mjs URL KEY UPLOADS PICTURE
//
// Prints a line of JSON for each thing that it has seen, in order: the page without a key, when it has one; all uploads under
// way; how each bar has stood, once every one has moved; the last, when everything has ended; what the browser complained of; and
// the page with a wrong key.
import { open } from "./browser.mjs";

const [url, key, uploads, picture] = process.argv.slice(2);
const page = await open(url);
const tell = (what, value) => console.log(JSON.stringify({ what, ...value }));
const table = `(() => {
  const texts = (row) => [...row.cells].map((cell) => cell.textContent);
  const rows = [...document.querySelectorAll("#uploads tbody tr")].map((row) => ({
    id: row.dataset.id, cells: texts(row), bar: Number(row.querySelector("[role=progressbar]").ariaValueNow),
  }));
  const usage = Object.fromEntries([...document.querySelectorAll("#usage dt")].map((dt) => [dt.textContent, dt.nextElementSibling.textContent]));
  return { rows, usage, state: document.querySelector("#state").textContent };
})()`;
try {
  await page.until("document.readyState === 'complete'");
  const empty = await page.evaluate(table);
  await page.type("#key", key);
  await page.evaluate("document.querySelector('#access button').click()");
  await page.until("document.querySelector('#state').textContent === '0 running, 0 shown'");
  tell("empty", empty);
  tell("first", await page.until(`((seen) => seen.state.startsWith("${uploads} running") && seen)(${table})`));
  // Every stand of a bar, as it comes: its row is made anew each time that the page asks.
  await page.evaluate(`window.stood = {}; setInterval(() => ${table}.rows.forEach(({ id, bar }) => {
    const stood = (window.stood[id] ||= []);
    if (stood[stood.length - 1] !== bar) stood.push(bar);
  }), 50)`);
  const moved = `((stood) => stood.length === ${uploads} && stood.every((stood) =>
    stood.filter((bar, n) => bar > stood[n - 1]).length >= 2))(Object.values(window.stood))`;
  await page.until(moved);
  tell("moved", { bars: await page.evaluate("window.stood") });
  await page.screenshot(picture);
  const ended = `((seen) => seen.state.startsWith("0 running") && seen)(${table})`;
  tell("ended", await page.until(ended));
  await page.screenshot(picture.replace(/\.png$/, "-ended.png"));
  await page.dark(true);
  await page.screenshot(picture.replace(/\.png$/, "-dark.png"));
  tell("said", { said: page.said });
  await page.evaluate("document.querySelector('#key').value = ''");
  await page.type("#key", "no-key");
  await page.evaluate("document.querySelector('#access button').click()");
  await page.until("document.querySelector('#state').className === 'failed'");
  tell("wrong", await page.evaluate(table));
} finally {
  await page.close();
}
