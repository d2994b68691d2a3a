// The live view: asks for the uploads of one key, once a second while the page is seen.
"use strict";

const find = (selector) => document.querySelector(selector);
const rows = find("#uploads tbody");
let key = sessionStorage.getItem("key") || "";
let earlier = new Map();
let timer = 0;

const bytes = (n) => {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) { n /= 1024; unit += 1; }
  return `${unit === 0 ? n : n.toFixed(1)} ${units[unit]}`;
};

const dollars = (micro) => `$${(micro / 1e6).toFixed(6).replace(/0{1,4}$/, "")}`;

async function ask(path) {
  const response = await fetch(path, { headers: { Authorization: `Bearer ${key}` }, cache: "no-store" });
  const body = await response.json();
  if (!response.ok) throw new Error(body.error || response.statusText);
  return body;
}

// What is shown is set as text, never as markup: names and errors come from strangers.
function cell(row, text, kind) {
  const made = row.insertCell();
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}

function rate(upload, now) {
  const before = earlier.get(upload.id);
  const sent = upload.progress.sent;
  const seconds = before ? (now - before.at) / 1000 : 0;
  const perSecond = seconds > 0 ? Math.max(0, sent - before.sent) / seconds : 0;
  earlier.set(upload.id, { at: now, sent });
  return upload.ended || perSecond === 0 ? "" : `${bytes(perSecond)}/s`;
}

function show(uploads) {
  const now = performance.now();
  rows.replaceChildren();
  for (const upload of uploads) {
    const row = rows.insertRow();
    row.dataset.id = upload.id;
    const name = document.createElement("code");
    name.textContent = upload.id.slice(-12);
    name.title = upload.id;
    cell(row, "").append(name);
    cell(row, upload.media_type || "");
    const total = upload.progress.total;
    cell(row, total == null ? "" : bytes(total), "number");
    cell(row, upload.phase);
    const bar = document.createElement("progress");
    const processing = upload.phase === "processing";
    bar.max = processing ? 100 : Math.max(1, total || 1);
    bar.value = processing ? upload.progress.processed : upload.progress.stored;
    if (upload.ended && !upload.error) bar.value = bar.max;
    bar.title = `${upload.progress.sent} sent, ${upload.progress.stored} stored, ${upload.progress.committed} committed`;
    cell(row, "").append(bar);
    cell(row, rate(upload, now), "number");
    if (upload.error) cell(row, upload.error, "failed");
    else if (upload.media_id) cell(row, upload.media_id, "completed");
    else cell(row, "");
  }
  find("#none").hidden = uploads.length > 0;
}

function tell(usage) {
  const list = find("#usage");
  list.replaceChildren();
  const add = (name, value) => {
    const term = document.createElement("dt");
    term.textContent = name;
    const said = document.createElement("dd");
    said.textContent = value;
    list.append(term, said);
  };
  add("Calls charged", usage.calls);
  add("Charged", dollars(usage.charged_micro_dollars));
  add("Reserved", dollars(usage.reserved_micro_dollars));
  add("Media", bytes(usage.bytes));
  if (usage.balance_micro_dollars != null) add("Balance", dollars(usage.balance_micro_dollars));
}

async function refresh() {
  clearTimeout(timer);
  if (!key) return;
  try {
    const [list, usage] = await Promise.all([ask("/uploads"), ask("/usage")]);
    show(list.uploads);
    tell(usage);
    const running = list.uploads.filter((upload) => !upload.ended).length;
    find("#state").textContent = `${running} running, ${list.uploads.length} shown`;
  } catch (error) {
    find("#state").textContent = error.message;
  }
  timer = setTimeout(refresh, document.hidden ? 10_000 : 1_000);
}

find("#access").addEventListener("submit", (event) => {
  event.preventDefault();
  key = find("#key").value.trim();
  sessionStorage.setItem("key", key);
  earlier = new Map();
  refresh();
});
document.addEventListener("visibilitychange", refresh);
find("#key").value = key;
refresh();
