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

// By how much was sent in the last seconds: it goes out in gusts, and one second alone would say little.
const SECONDS = 5;

function rate(upload, now) {
  const seen = (earlier.get(upload.id) || []).filter((then) => now - then.at <= SECONDS * 1000);
  const sent = upload.progress.sent;
  // A new session begins anew.
  if (seen.length > 0 && sent < seen[seen.length - 1].sent) seen.length = 0;
  seen.push({ at: now, sent });
  earlier.set(upload.id, seen);
  const seconds = (now - seen[0].at) / 1000;
  const perSecond = seconds > 0 ? (sent - seen[0].sent) / seconds : 0;
  return upload.phase !== "transferring" || perSecond === 0 ? "" : `${bytes(perSecond)}/s`;
}

// What is on its way and what is there, from 0 to 1: of what is sent and stored, and then of what X makes of it.
function shares(upload) {
  const { total, sent, stored, processed } = upload.progress;
  if (upload.ended && !upload.error) return { under_way: 1, there: 1 };
  if (upload.phase === "processing") return { under_way: processed / 100, there: processed / 100 };
  const of = (part) => (total ? Math.min(1, part / total) : 0);
  return { under_way: of(sent), there: of(stored) };
}

function bar(upload) {
  const { under_way, there } = shares(upload);
  const { sent, stored, committed } = upload.progress;
  const made = document.createElement("div");
  made.className = "bar";
  made.title = `${sent} sent, ${stored} stored, ${committed} committed`;
  made.role = "progressbar";
  made.ariaValueNow = Math.floor(there * 100);
  for (const [name, share] of [["sent", under_way], ["stored", there]]) {
    const part = document.createElement("span");
    part.className = name;
    part.style.width = `${share * 100}%`;
    made.append(part);
  }
  return made;
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
    const began = new Date(upload.created_at_ms);
    cell(row, began.toLocaleTimeString()).title = began.toLocaleString();
    cell(row, upload.media_type || "");
    const { total } = upload.progress;
    cell(row, total == null ? "" : bytes(total), "number");
    cell(row, upload.phase);
    const drawn = bar(upload);
    const percent = document.createElement("span");
    percent.className = "share";
    percent.textContent = `${drawn.ariaValueNow} %`;
    cell(row, "").append(drawn, percent);
    cell(row, rate(upload, now), "number");
    if (upload.error) cell(row, upload.error, "result failed");
    else if (upload.hint) cell(row, upload.hint, "result");
    else cell(row, upload.media_id || "", "result completed");
  }
  find("#none").hidden = uploads.length > 0;
}

function tell(usage) {
  const list = find("#usage");
  list.replaceChildren();
  const add = (name, value) => {
    const pair = document.createElement("div");
    const term = document.createElement("dt");
    term.textContent = name;
    const said = document.createElement("dd");
    said.textContent = value;
    pair.append(term, said);
    list.append(pair);
  };
  add("Calls charged", usage.calls);
  add("Charged", dollars(usage.charged_micro_dollars));
  add("Reserved", dollars(usage.reserved_micro_dollars));
  add("Media", bytes(usage.bytes));
  if (usage.balance_micro_dollars != null) add("Balance", dollars(usage.balance_micro_dollars));
}

function say(sentence, kind = "") {
  find("#state").textContent = sentence;
  find("#state").className = kind;
}

async function refresh() {
  clearTimeout(timer);
  if (!key) return;
  const asked = key;
  try {
    const [list, usage] = await Promise.all([ask("/uploads"), ask("/usage")]);
    // Meanwhile there may be another key.
    if (asked !== key) return;
    show(list.uploads);
    tell(usage);
    const waiting = list.uploads.filter((upload) => upload.phase === "interrupted").length;
    const running = list.uploads.filter((upload) => !upload.ended).length - waiting;
    say(`${running} running, ${waiting > 0 ? `${waiting} interrupted, ` : ""}${list.uploads.length} shown`);
  } catch (error) {
    if (asked !== key) return;
    say(error.message, "failed");
  }
  timer = setTimeout(refresh, document.hidden ? 10_000 : 1_000);
}

find("#access").addEventListener("submit", (event) => {
  event.preventDefault();
  key = find("#key").value.trim();
  sessionStorage.setItem("key", key);
  earlier = new Map();
  // What another key has done is not this one's to see.
  rows.replaceChildren();
  find("#usage").replaceChildren();
  find("#none").hidden = true;
  refresh();
});
document.addEventListener("visibilitychange", refresh);
find("#key").value = key;
refresh();
