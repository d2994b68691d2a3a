// The page of the API: everything on it is read from /openapi.json, and set as text.
"use strict";

const find = (selector) => document.querySelector(selector);
const METHODS = ["get", "post", "put", "patch", "delete"];
let key = sessionStorage.getItem("key") || "";
// What shows a key or an address is written anew when one of them changes.
const examples = [];

function make(name, text, kind) {
  const made = document.createElement(name);
  if (text != null) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

// What a `$ref` stands for: always a place in the same document.
function resolved(document_, thing) {
  let seen = thing;
  for (let hops = 0; seen && seen.$ref && hops < 8; hops += 1) {
    const steps = seen.$ref.replace(/^#\//, "").split("/");
    const unescaped = steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    seen = unescaped.reduce((at, step) => (at == null ? at : at[step]), document_);
  }
  return seen || {};
}

function typeOf(schema) {
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  const simple = [schema.type || "any"].flat().join(" or ");
  const name = schema.items?.type && schema.items.type !== "object" ? `${simple} of ${schema.items.type}` : simple;
  const more = [];
  if (schema.format) more.push(schema.format);
  if (schema.contentEncoding) more.push(schema.contentEncoding);
  if (schema.maxLength != null) more.push(`at most ${schema.maxLength} characters`);
  if (schema.maxItems != null) more.push(`at most ${schema.maxItems}`);
  if (schema.minimum != null) more.push(`from ${schema.minimum}`);
  if (schema.maximum != null) more.push(`up to ${schema.maximum}`);
  return more.length > 0 ? `${name} (${more.join(", ")})` : name;
}

// The members of a schema, one a line, by dotted names; `[]` is any element.
function members(document_, schema, above = "", depth = 0) {
  const seen = resolved(document_, schema);
  if (depth > 6) return [];
  if (seen.items) {
    const element = resolved(document_, seen.items);
    return element.properties || element.items ? members(document_, element, `${above}[]`, depth + 1) : [];
  }
  return Object.entries(seen.properties || {}).flatMap(([name, member]) => {
    const inner = resolved(document_, member);
    const dotted = above ? `${above}.${name}` : name;
    const line = { name: dotted, type: typeOf(inner), needed: (seen.required || []).includes(name), schema: inner };
    return [line, ...members(document_, inner, dotted, depth + 1)];
  });
}

// Of what is sent it says what is required; an answer has what it has.
function table(lines, sent = true) {
  const made = make("table", null, "members");
  const body = made.createTBody();
  for (const { name, type, needed, schema } of lines) {
    const row = body.insertRow();
    const first = row.insertCell();
    first.append(make("code", name));
    if (needed && sent) first.append(make("span", " required", "needed"));
    row.insertCell().textContent = type;
    const said = [schema.description, schema.examples && `As in ${schema.examples.join(", ")}.`];
    row.insertCell().textContent = said.filter(Boolean).join(" ");
  }
  return made;
}

function section(title, ...content) {
  return [make("h3", title), ...content];
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// A path with these values in the places of its parameters.
function filled(path, values) {
  return path.replace(/\{([^}]+)\}/g, (_, name) => (values[name] ? encodeURIComponent(values[name]) : `${name.toUpperCase()}`));
}

function curl(operation, body, values) {
  const words = [`curl -X ${operation.method.toUpperCase()} ${quoted(location.origin + filled(operation.path, values))}`];
  if (operation.secured) words.push(`-H ${quoted(`Authorization: Bearer ${key || "API_KEY"}`)}`);
  for (const { name, example: shown } of operation.parameters.filter((one) => one.in === "header" && one.required)) {
    words.push(`-H ${quoted(`${name}: ${shown ?? name.toUpperCase()}`)}`);
  }
  if (operation.bytes) {
    words.push("-T photo.jpg");
  } else if (body !== undefined) {
    words.push(`-H 'Content-Type: application/json'`);
    words.push(`-d ${quoted(JSON.stringify(body))}`);
  }
  return words.join(" \\\n  ");
}

function example(operation, title, body, values = {}) {
  const shown = make("pre");
  const write = () => { shown.textContent = curl(operation, body, values); };
  examples.push(write);
  write();
  return { part: section(title, shown), write };
}

async function ask(path) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const response = await fetch(path, { headers, cache: "no-store" });
  const text = await response.text();
  let said = text;
  try { said = JSON.stringify(JSON.parse(text), null, 2); } catch { /* it is shown as it is */ }
  return `HTTP ${response.status} ${response.statusText}\n\n${said}`;
}

// A form that asks for real. Only for what changes nothing.
function trial(operation, values, changed) {
  const form = make("form");
  const answer = make("pre", "", "answer");
  answer.hidden = true;
  for (const parameter of operation.parameters.filter((one) => one.in === "path")) {
    const label = make("label", parameter.name);
    const field = make("input");
    field.required = true;
    field.id = `${operation.id}-${parameter.name}`;
    field.spellcheck = false;
    label.htmlFor = field.id;
    field.addEventListener("input", () => { values[parameter.name] = field.value.trim(); changed(); });
    form.append(label, field);
  }
  form.append(make("button", "Try it"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    answer.hidden = false;
    answer.textContent = "…";
    answer.textContent = await ask(filled(operation.path, values)).catch((error) => error.message);
  });
  return [form, answer];
}

// What may be answered: those of one kind in one line, and what a good one has in it.
function answers(document_, operation) {
  const kinds = new Map();
  for (const [status, answer] of Object.entries(operation.responses || {})) {
    const { description, content } = resolved(document_, answer);
    const schema = Object.values(content || {})[0]?.schema;
    const lines = schema ? members(document_, schema) : [];
    const kind = kinds.get(description) || { statuses: [], lines };
    kind.statuses.push(status);
    kinds.set(description, kind);
  }
  const made = make("table", null, "answers");
  const body = made.createTBody();
  for (const [description, { statuses }] of kinds) {
    const row = body.insertRow();
    row.insertCell().append(make("code", statuses.join(" ")));
    row.insertCell().textContent = description || "";
  }
  const shapes = [...kinds.values()].filter(({ lines }) => lines.length > 0);
  const title = ({ statuses }) => `Body of ${statuses.length > 1 ? "the others" : statuses[0]}`;
  return [...section("Answers", made), ...shapes.flatMap((kind) => section(title(kind), table(kind.lines, false)))];
}

function article(document_, operation) {
  const made = make("article", null, "operation");
  made.id = operation.id;
  const title = make("div", null, "title");
  const head = make("h2");
  head.append(make("span", operation.method.toUpperCase(), `method ${operation.method}`), make("code", operation.path));
  title.append(head, make("p", operation.summary));
  if (operation.description) title.append(make("p", operation.description, "note"));

  const told = make("div");
  const lines = operation.parameters.map((parameter) => ({
    name: parameter.name,
    type: `${parameter.in}: ${typeOf(resolved(document_, parameter.schema))}`,
    needed: parameter.required,
    schema: { description: parameter.description },
  }));
  if (lines.length > 0) told.append(...section("Parameters", table(lines)));
  const body = resolved(document_, operation.requestBody).content?.["application/json"];
  if (body) told.append(...section("Body", table(members(document_, body.schema))));
  told.append(...answers(document_, operation));

  const tried = make("div", null, "tried");
  const values = {};
  const shown = body
    ? Object.entries(body.examples || { "a body": { value: {} } }).map(([name, one]) => example(operation, `curl, with ${name}`, one.value))
    : [example(operation, "curl", undefined, values)];
  tried.append(...shown.flatMap(({ part }) => part));
  const good = resolved(document_, operation.responses?.["200"]).content || {};
  if (operation.method === "get" && good["application/json"]) {
    const changed = () => shown.forEach(({ write }) => write());
    tried.append(...section("Here and now", ...trial(operation, values, changed)));
  }
  made.append(title, told, tried);
  return made;
}

function operations(document_) {
  return Object.entries(document_.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const operation = item[method];
      const parameters = [...(item.parameters || []), ...(operation.parameters || [])];
      const secured = (operation.security || document_.security || []).length > 0;
      const id = `${method}${path.replace(/[^a-z]+/gi, "-")}`.replace(/-$/, "");
      // What takes bytes as they are takes a file.
      const bytes = "application/octet-stream" in (operation.requestBody?.content || {});
      return { ...operation, path, method, secured, id, bytes, parameters: parameters.map((one) => resolved(document_, one)) };
    }));
}

async function show() {
  const response = await fetch("/openapi.json");
  const document_ = await response.json();
  const all = operations(document_);
  for (const operation of all) {
    const link = make("a");
    link.href = `#${operation.id}`;
    link.append(make("span", operation.method.toUpperCase(), `method ${operation.method}`), make("code", operation.path));
    find("#paths").append(link);
    find("#operations").append(article(document_, operation));
  }
  find("#state").textContent = `${document_.info.description} Version ${document_.info.version}.`;
  // The place in the address was not there yet when the browser looked for it.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

find("#access").addEventListener("submit", (event) => {
  event.preventDefault();
  key = find("#key").value.trim();
  sessionStorage.setItem("key", key);
  examples.forEach((write) => write());
});
find("#key").value = key;
show().catch((error) => { find("#state").textContent = error.message; });
