// Opens a page, and prints what it comes to have in #result: elsewhere.mjs URL
import { open } from "./browser.mjs";

const page = await open(process.argv[2]);
try {
  console.log(await page.until("document.querySelector('#result')?.textContent"));
} finally {
  await page.close();
}
