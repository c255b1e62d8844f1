// Draws /openapi.json: every operation with its parameters and answers, and a form to try the GETs.
// Text only ever becomes text nodes, so nothing that a store holds can become markup.

const at = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Descriptions mark code with backticks; that is all the markup they have.
function words(text = "") {
  return text.split("`").map((part, place) => (place % 2 ? make("code", {}, part) : part));
}

function resolve(api, schema) {
  if (!schema?.$ref) return schema ?? {};
  return schema.$ref.slice(2).split("/").reduce((value, key) => value[key], api);
}

function shape(api, schema, depth = 0) {
  const name = schema?.$ref?.split("/").at(-1);
  const full = resolve(api, schema);
  if (full.enum) return full.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (full.anyOf) return full.anyOf.map((each) => shape(api, each, depth)).join(" | ");
  if (full.type === "array") return `[ ${shape(api, full.items, depth)}, … ]`;
  if (full.properties) {
    if (depth > 3) return name ?? "{ … }";
    const inner = "  ".repeat(depth + 1);
    const lines = Object.entries(full.properties).map(([key, value]) => {
      const optional = full.required?.includes(key) ? "" : "?";
      return `${inner}"${key}"${optional}: ${shape(api, value, depth + 1)}`;
    });
    return `{\n${lines.join(",\n")}\n${"  ".repeat(depth)}}`;
  }
  return full.format ?? full.type ?? "anything";
}

function bounds(schema) {
  const parts = [];
  if (schema.enum) parts.push(schema.enum.join(", "));
  if (schema.maxItems) parts.push(`at most ${schema.maxItems}`);
  if (schema.maxLength) parts.push(`${schema.minLength ?? 0}–${schema.maxLength} characters`);
  if (schema.exclusiveMinimum !== undefined) parts.push(`above ${schema.exclusiveMinimum}`);
  return parts.join("; ");
}

function parameterRow(parameter) {
  const kind = [parameter.in, parameter.required ? "required" : "", bounds(parameter.schema)];
  return make("tr", {},
    make("td", {}, make("code", {}, parameter.name)),
    make("td", {}, ...words(parameter.description), make("br"),
      make("small", {}, kind.filter(Boolean).join(" · "))));
}

function answerRow(api, [status, answer]) {
  const content = Object.entries(answer.content ?? {})[0];
  const described = (content?.[1].schema?.$ref ?? content?.[1].schema?.anyOf)
    ? make("details", {}, make("summary", {}, content[0]), make("pre", {}, shape(api, content[1].schema)))
    : content && make("small", {}, content[0]);
  return make("tr", {},
    make("td", {}, make("span", { class: status < 400 ? "status" : "status bad" }, status)),
    make("td", {}, ...words(answer.description), described && make("br"), described));
}

function addressOf(path, parameters, form) {
  const query = new URLSearchParams();
  let address = path;
  for (const parameter of parameters) {
    const text = form.elements[parameter.name]?.value.trim();
    if (!text) continue;
    if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(text));
    else if (parameter.schema.type === "array") text.split("\n").forEach((line) => line.trim() && query.append(parameter.name, line.trim()));
    else query.append(parameter.name, text);
  }
  return query.size ? `${address}?${query}` : address;
}

async function ask(path, parameters, form, output) {
  const headers = {};
  if (at("key").value) headers.Authorization = `Bearer ${at("key").value}`;
  for (const parameter of parameters.filter((each) => each.in === "header")) {
    const text = form.elements[parameter.name]?.value.trim();
    if (text) headers[parameter.name] = text;
  }
  const address = addressOf(path, parameters, form);
  try {
    const response = await fetch(address, { headers, cache: "no-store", redirect: "manual" });
    const text = await response.text();
    const json = response.headers.get("Content-Type")?.includes("json");
    const head = [`${response.status} ${address}`];
    for (const name of ["etag", "age", "cache-control", "cache-status", "retry-after"]) {
      if (response.headers.has(name)) head.push(`${name}: ${response.headers.get(name)}`);
    }
    const body = json && text ? JSON.stringify(JSON.parse(text), null, 1) : text;
    output.replaceChildren(make("pre", {}, `${head.join("\n")}\n\n${body}`));
  } catch (error) {
    output.replaceChildren(make("p", { class: "failed" }, `No answer: ${error.message}`));
  }
}

function field(parameter) {
  const many = parameter.schema.type === "array";
  const attributes = { name: parameter.name, autocomplete: "off", spellcheck: "false" };
  if (parameter.required) attributes.required = "";
  const input = many
    ? make("textarea", { ...attributes, rows: "3", placeholder: "one a line" })
    : make("input", attributes);
  return make("label", {}, parameter.name, input);
}

function trying(path, parameters) {
  const output = make("output");
  const form = make("form", {}, ...parameters.map(field), make("button", {}, "Ask"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(path, parameters, form, output);
  });
  return make("details", {}, make("summary", {}, "Try it"), form, output);
}

function article(api, path, method, operation) {
  const parameters = operation.parameters ?? [];
  const body = operation.requestBody && Object.values(operation.requestBody.content)[0].schema;
  return make("article", { id: operation.operationId },
    make("h3", {}, operation.summary),
    make("p", { class: "path" }, make("span", { class: "method" }, method.toUpperCase()), path),
    operation.description && make("p", {}, ...words(operation.description)),
    parameters.length ? make("h4", {}, "Parameters") : null,
    parameters.length ? make("table", {}, ...parameters.map(parameterRow)) : null,
    body && make("h4", {}, "Body"),
    body && make("pre", {}, shape(api, body)),
    make("h4", {}, "Answers"),
    make("table", {}, ...Object.entries(operation.responses).map((row) => answerRow(api, row))),
    method === "get" ? trying(path, parameters) : null);
}

function draw(api) {
  at("title").textContent = `${api.info.title} API`;
  at("about").textContent = api.info.description;
  at("version").textContent = `version ${api.info.version}`;
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })));
  at("operations").replaceChildren();
  for (const tag of api.tags) {
    const mine = operations.filter(({ operation }) => operation.tags.includes(tag.name));
    if (!mine.length) continue;
    at("contents").append(make("h2", {}, tag.name), ...mine.map(({ operation }) =>
      make("a", { href: `#${operation.operationId}` }, operation.summary)));
    at("operations").append(make("section", {},
      make("h2", {}, tag.name), make("p", {}, tag.description),
      ...mine.map(({ path, method, operation }) => article(api, path, method, operation))));
  }
  // The articles were not there yet when the browser looked for the address's fragment.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

try {
  const response = await fetch("/openapi.json");
  draw(await response.json());
} catch (error) {
  at("operations").replaceChildren(make("p", { class: "failed" }, `No description: ${error.message}`));
}
