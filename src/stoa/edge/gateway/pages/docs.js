// Renders /api/openapi.json and lets one try each request. Text from the document only ever becomes text nodes.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== ""));
  return element;
}

function resolve(api, schema) {
  let found = schema ?? {};
  while (found.$ref) found = found.$ref.split("/").slice(1).reduce((node, part) => node[part], api);
  return found;
}

// A value of the schema to start from: what must be sent, with the examples that the document has.
function example(api, schema, depth = 0) {
  const found = resolve(api, schema);
  if (found.examples) return found.examples[0];
  if (found.const !== undefined) return found.const;
  if (found.enum) return found.enum[0];
  if (found.default !== undefined) return found.default;
  const choice = found.anyOf ?? found.oneOf;
  if (choice) return example(api, choice.find((each) => resolve(api, each).type !== "null") ?? choice[0], depth);
  const type = Array.isArray(found.type) ? found.type.find((each) => each !== "null") : found.type;
  if (type === "object") {
    const required = found.required ?? [];
    const entries = Object.entries(found.properties ?? {}).filter(([name]) => required.includes(name));
    return depth > 6 ? {} : Object.fromEntries(entries.map(([name, each]) => [name, example(api, each, depth + 1)]));
  }
  if (type === "array") return found.items && depth <= 6 ? [example(api, found.items, depth + 1)] : [];
  if (type === "integer" || type === "number") return found.minimum ?? 0;
  if (type === "boolean") return false;
  return "";
}

function describeType(api, schema) {
  const found = resolve(api, schema);
  const bounds = [];
  if (found.minLength !== undefined || found.maxLength !== undefined) {
    bounds.push(`${found.minLength ?? 0}–${found.maxLength ?? "∞"} characters`);
  }
  if (found.minimum !== undefined || found.maximum !== undefined) {
    bounds.push(`${found.minimum ?? "−∞"} … ${found.maximum ?? "∞"}`);
  }
  if (found.enum) bounds.push(found.enum.join(" | "));
  const kinds = (found.anyOf ?? []).map((each) => resolve(api, each).type).filter(Boolean);
  return [found.format ?? found.type ?? kinds.join(" or "), ...bounds].filter(Boolean).join(", ");
}

function fieldsFor(api, operation) {
  const fields = make("div", { class: "fields" });
  const inputs = (operation.parameters ?? []).map((parameter) => {
    const id = `${operation.operationId}-${parameter.in}-${parameter.name}`;
    const key = parameter.name === "Idempotency-Key";
    const input = make("input", { id, value: key ? crypto.randomUUID() : undefined, autocomplete: "off" });
    const hint = make("small", {}, describeType(api, parameter.schema));
    const label = make("label", { for: id }, make("code", {}, parameter.name), parameter.required ? " *" : "");
    fields.append(label, make("div", {}, input, hint));
    return { parameter, input };
  });
  return { fields, inputs };
}

function urlOf(path, inputs) {
  const query = new URLSearchParams();
  let filled = path;
  for (const { parameter, input } of inputs) {
    if (parameter.in === "path") filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (parameter.in === "query" && input.value !== "") query.set(parameter.name, input.value);
  }
  return query.size ? `${filled}?${query}` : filled;
}

async function send(method, path, inputs, body, output) {
  const headers = {};
  const token = document.getElementById("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  for (const { parameter, input } of inputs) {
    if (parameter.in === "header" && input.value) headers[parameter.name] = input.value;
  }
  if (body !== undefined) headers["Content-Type"] = "application/json";
  output.replaceChildren(make("p", {}, "Waiting …"));
  const started = performance.now();
  try {
    const answer = await fetch(urlOf(path, inputs), { method: method.toUpperCase(), headers, body, cache: "no-store" });
    const text = await answer.text();
    const milliseconds = Math.round(performance.now() - started);
    let document_;
    try { document_ = JSON.parse(text); } catch { document_ = undefined; }
    const kind = answer.ok ? "answer-good" : "answer-bad";
    const line = `${answer.status} ${answer.statusText} in ${milliseconds} ms, request ${answer.headers.get("X-Request-Id") ?? "?"}`;
    output.replaceChildren(
      make("p", { class: kind, role: "status" }, line),
      make("pre", { tabindex: "0" }, document_ === undefined ? text : JSON.stringify(document_, null, 2)),
    );
    if (document_?.access_token) {
      const use = () => { document.getElementById("token").value = document_.access_token; };
      output.append(make("button", { type: "button", class: "quiet", onclick: use }, "Use this access token"));
    }
  } catch (error) {
    output.replaceChildren(make("p", { class: "answer-bad", role: "status" }, `No answer: ${error.message}`));
  }
}

function renderOperation(api, path, method, operation) {
  const { fields, inputs } = fieldsFor(api, operation);
  const schema = operation.requestBody?.content?.["application/json"]?.schema;
  const body = schema && make("textarea", { id: `${operation.operationId}-body`, spellcheck: "false" });
  if (body) body.value = JSON.stringify(example(api, schema), null, 2);
  const output = make("div", { "aria-live": "polite" });
  const submit = (event) => {
    event.preventDefault();
    send(method, api.servers[0].url + path, inputs, body?.value, output);
  };
  const statuses = Object.entries(operation.responses ?? {}).map(([status, response]) =>
    make("li", {}, make("code", {}, status), ` ${resolve(api, response).description ?? ""}`));
  const form = make("form", { onsubmit: submit },
    inputs.length ? fields : "",
    body ? make("label", { for: body.id }, "Body") : "", body ?? "",
    make("p", {}, make("button", {}, "Send")));
  return make("details", { class: "operation", "data-find": `${method} ${path} ${operation.summary ?? ""}`.toLowerCase() },
    make("summary", {},
      make("span", { class: "method" }, method.toUpperCase()),
      make("span", { class: "path" }, path),
      make("span", { class: "what" }, operation.summary ?? ""),
      make("span", { class: "who" }, operation["x-who"] ?? "")),
    make("div", {},
      operation.description ? make("p", {}, operation.description) : "",
      form, output,
      make("details", {}, make("summary", {}, "Answers"), make("ul", {}, ...statuses))));
}

function render(api) {
  const sections = new Map();
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((each) => operations[each])) {
      const tag = operations[method].tags?.[0] ?? "other";
      if (!sections.has(tag)) sections.set(tag, make("section", { id: tag }, make("h2", {}, tag)));
      sections.get(tag).append(renderOperation(api, path, method, operations[method]));
    }
  }
  const names = [...sections.keys()].sort();
  document.getElementById("operations").replaceChildren(...names.map((name) => sections.get(name)));
  document.getElementById("contents").replaceChildren(
    make("ul", {}, ...names.map((name) => make("li", {}, make("a", { href: `#${name}` }, name)))));
}

function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const section of document.querySelectorAll("section")) {
    let shown = 0;
    for (const operation of section.querySelectorAll(".operation")) {
      operation.hidden = !words.every((word) => operation.dataset.find.includes(word));
      shown += operation.hidden ? 0 : 1;
    }
    section.hidden = shown === 0;
  }
}

async function start() {
  const answer = await fetch("/api/openapi.json");
  if (!answer.ok) throw new Error(`the description cannot be read (${answer.status})`);
  render(await answer.json());
  document.getElementById("find").addEventListener("input", (event) => filter(event.target.value));
}

start().catch((error) => {
  document.getElementById("operations").replaceChildren(make("p", { class: "answer-bad" }, error.message));
});
