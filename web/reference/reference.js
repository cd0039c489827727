// The reference page: shows /v1/openapi.json, which this node serves, and tries its
// operations on this node. It asks nobody else, writes text as text only, and keeps a
// token for as long as the page lives.

const $ = (id) => document.getElementById(id);
let doc, operations = [], token = "";

/** An element with attributes and children; texts become text nodes. */
function el(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) if (v !== undefined && v !== false) e.setAttribute(k, v === true ? "" : v);
  e.append(...children.filter((c) => c !== undefined && c !== null));
  return e;
}

/** Text with `code` and **strong** words, in paragraphs. */
function prose(text = "") {
  return text.trim().split(/\n\s*\n/).filter(Boolean).map((p) =>
    el("p", {}, ...p.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((s) =>
      s.startsWith("`") ? el("code", {}, s.slice(1, -1)) : s.startsWith("**") ? el("strong", {}, s.slice(2, -2)) : s)));
}

function follow(v) {
  while (v && v.$ref) v = v.$ref.slice(2).split("/").reduce((at, part) => at[part.replaceAll("~1", "/")], doc);
  return v;
}

/** A schema as an outline of JSON: names, types, what they mean. */
function outline(schema, indent = "", seen = []) {
  const name = schema?.$ref?.split("/").pop();
  if (name && seen.includes(name)) return name;
  const s = follow(schema) ?? {}, inner = name ? [...seen, name] : seen;
  if (s.enum) return s.enum.map((v) => JSON.stringify(v)).join(" | ");
  const type = Array.isArray(s.type) ? s.type.join(" | ") : s.type;
  if (s.properties) {
    const lines = Object.entries(s.properties).map(([k, v]) => {
      const note = v.description ?? (v.$ref ? "" : follow(v).description);
      return `${indent}  ${k}${s.required?.includes(k) ? "" : "?"}: ${outline(v, indent + "  ", inner)}${note ? "  // " + note.split("\n")[0] : ""}`;
    });
    return `{\n${lines.join("\n")}\n${indent}}`;
  }
  if (s.items) return `[ ${outline(s.items, indent, inner)} ]`;
  if (s.additionalProperties && typeof s.additionalProperties === "object") return `{ "…": ${outline(s.additionalProperties, indent, inner)} }`;
  return (name && type !== "object" ? `${name} (${type ?? "any"})` : type ?? "any") + (s.pattern && !name ? ` ~ ${s.pattern}` : "");
}

function read() {
  for (const [path, item] of Object.entries(doc.paths)) {
    for (const [method, op] of Object.entries(item)) {
      if (method === "parameters") continue;
      operations.push({ ...op, method: method.toUpperCase(), path, parameters: [...(item.parameters ?? []), ...(op.parameters ?? [])].map(follow) });
    }
  }
}

function list() {
  const wanted = $("find").value.toLowerCase(), here = location.hash.slice(1);
  $("list").replaceChildren(...doc.tags.flatMap((tag) => {
    const ops = operations.filter((o) => o.tags[0] === tag.name && `${o.method} ${o.path} ${o.summary} ${o.operationId}`.toLowerCase().includes(wanted));
    if (ops.length === 0) return [];
    return [el("h2", { title: tag.description }, tag.name), ...ops.map((o) =>
      el("a", { href: "#" + o.operationId, "aria-current": o.operationId === here && "page" }, el("span", { class: "method " + o.method }, o.method), o.summary))];
  }));
}

function show() {
  const o = operations.find((o) => o.operationId === location.hash.slice(1));
  list();
  document.title = (o ? o.summary + ": " : "") + "Manx, the interface of this node";
  if (!o) {
    $("main").replaceChildren(el("h2", {}, doc.info.summary), ...prose(doc.info.description), el("h3", {}, "Topics"),
      el("table", {}, ...doc.tags.map((t) => el("tr", {}, el("th", {}, t.name), el("td", {}, t.description)))));
    return;
  }
  const open = o.security?.length === 0, body = follow(o.requestBody);
  const [type, content] = Object.entries(body?.content ?? {})[0] ?? [];
  $("main").replaceChildren(
    el("h2", {}, o.summary),
    el("p", { class: "address" }, el("span", { class: "method " + o.method }, o.method), " ", o.path),
    el("p", { class: "word" }, open ? "Needs no session." : "Needs a session." + (o["x-staff"] ? ` Of staff: ${o["x-staff"].join(", ")}.` : " Of staff, nobody."),
      o["x-idempotent"] ? ` Sent again: ${o["x-idempotent"]}.` : ""),
    ...prose(o.description),
    form(o, type, content, body),
    ...(content?.schema ? [el("h3", {}, "Body, " + type), el("pre", { tabindex: "0" }, outline(content.schema))] : []),
    el("h3", {}, "Answers"), el("table", {}, ...Object.entries(o.responses).map(([status, r]) => answer(status, follow(r)))));
  $("main").focus({ preventScroll: true });
  scrollTo(0, 0);
}

function answer(status, r) {
  const [type, content] = Object.entries(r.content ?? {})[0] ?? [];
  const more = type && !type.includes("problem") && content.schema ? el("pre", { tabindex: "0" }, outline(content.schema)) : undefined;
  const headers = Object.keys(r.headers ?? {});
  return el("tr", {}, el("th", {}, status), el("td", {}, ...prose(r.description), type && el("div", { class: "word" }, type, headers.length ? "; " + headers.join(", ") : ""), more));
}

function form(o, type, content, body) {
  const rows = o.parameters.map((p) => {
    const s = follow(p.schema), id = `${p.in}-${p.name}`;
    return el("tr", {}, el("th", {}, el("label", { for: id }, p.name, p.required ? " *" : ""), el("span", { class: "word" }, p.in)),
      el("td", {}, el("input", { id, name: id, required: p.required, autocomplete: "off", spellcheck: "false", placeholder: s.enum?.join(", ") ?? (s.default === undefined ? s.type : `${s.default}`) }),
        ...prose(p.description ?? s.description)));
  });
  const text = type === "application/json" ? el("textarea", { id: "body", rows: "5", spellcheck: "false", "aria-label": "Body" }) : undefined;
  const file = type === "application/octet-stream" ? el("input", { id: "file", type: "file", "aria-label": "Body" }) : undefined;
  const out = el("div", { "aria-live": "polite" });
  const f = el("form", {}, el("h3", {}, "Try it on this node"), el("table", {}, ...rows), text && el("label", { for: "body" }, "Body"), text, file, el("button", {}, "Send"), out);
  if (text) text.value = body.required ? "" : "{}";
  f.addEventListener("submit", async (e) => {
    e.preventDefault();
    try {
      out.replaceChildren(el("p", {}, "…"));
      await send(o, f, text?.value || file?.files[0], type, out);
    } catch (err) {
      out.replaceChildren(el("p", { class: "bad" }, "The node did not answer: " + err.message));
    }
  });
  return f;
}

const longest = 64 * 1024;

async function send(o, f, body, type, out) {
  let path = o.path;
  const query = new URLSearchParams(), headers = {};
  for (const p of o.parameters) {
    const v = f.elements[`${p.in}-${p.name}`].value;
    if (p.in === "path") path = path.replace(`{${p.name}}`, encodeURIComponent(v));
    else if (v !== "" && p.in === "query") query.set(p.name, v);
    else if (v !== "") headers[p.name] = v;
  }
  if (body) headers["Content-Type"] = type;
  const address = path + (query.size ? "?" + query : "");
  const line = `curl -X ${o.method} ${location.origin}${address}` + Object.entries(headers).map(([k, v]) => ` -H '${k}: ${v}'`).join("") + (token && o.security?.length !== 0 ? " -H \"Authorization: Bearer $TOKEN\"" : "");
  if (token && o.security?.length !== 0) headers.Authorization = "Bearer " + token;
  const began = performance.now(), stop = new AbortController();
  const r = await fetch(address, { method: o.method, headers, body: body || undefined, signal: stop.signal });
  const pre = el("pre", { tabindex: "0" }), end = el("button", { type: "button" }, "Stop");
  out.replaceChildren(el("p", { class: r.ok || r.status === 304 ? "" : "bad" }, el("b", {}, `${r.status} ${r.statusText}`), ` in ${Math.round(performance.now() - began)} ms`),
    pre, end, el("pre", { tabindex: "0" }, line + "\n\n" + [...r.headers].map(([k, v]) => `${k}: ${v}`).join("\n")));
  end.addEventListener("click", () => stop.abort());
  const words = new TextDecoder(), reader = r.body?.getReader();
  let all = "";
  try {
    for (let part = await reader?.read(); part && !part.done && all.length < longest; part = await reader.read()) {
      all += words.decode(part.value, { stream: true });
      if (!r.headers.get("Content-Type")?.includes("json")) pre.textContent = all;
    }
    stop.abort();
  } catch (err) {
    if (err.name !== "AbortError") throw err;
  }
  end.remove();
  try {
    all = JSON.stringify(JSON.parse(all), null, 2);
  } catch { /* no JSON: as it came */ }
  pre.textContent = all.length > longest ? all.slice(0, longest) + "\n…" : all || "(nothing)";
}

async function call(method, path, body) {
  const r = await fetch(path, { method, headers: { ...(token ? { Authorization: "Bearer " + token } : {}), ...(body ? { "Content-Type": "application/json" } : {}) }, body: body && JSON.stringify(body) });
  const said = r.status === 204 ? null : await r.json();
  if (!r.ok) throw new Error(`${said.detail}. ${said.hint ?? ""}`);
  return said;
}

const say = (text) => { $("said").textContent = text; };

async function use(t) {
  token = t;
  try {
    const { items } = await call("GET", "/v1/sessions");
    const mine = items.find((s) => s.current);
    $("who").textContent = (mine.roles ? "staff, " + mine.roles.join(", ") : "account's key") + `, until ${new Date(mine.idle_ends * 1000).toLocaleTimeString()} or later`;
    say("");
    $("sign-in").open = false;
  } catch (err) {
    token = "";
    $("who").textContent = "none";
    say(err.message);
  }
}

$("token-form").addEventListener("submit", (e) => {
  e.preventDefault();
  const t = $("token").value.trim();
  $("token").value = "";
  if (t) void use(t);
});
$("sign-out").addEventListener("click", async () => {
  if (token) await call("DELETE", "/v1/sessions/current").catch((err) => say(err.message));
  token = "";
  $("who").textContent = "none";
});
$("staff-form").addEventListener("submit", async (e) => {
  e.preventDefault();
  try {
    const s = await call("POST", `/v1/staff/${encodeURIComponent($("staff-party").value.trim())}/sign-ins`);
    sessionStorage.setItem("manx-staff", JSON.stringify({ state: s.state, keep: s.keep }));
    location.assign(s.url);
  } catch (err) {
    say(err.message);
  }
});

/** Ends a sign-in of staff that has come back to this page. */
async function back() {
  const q = new URLSearchParams(location.search), kept = JSON.parse(sessionStorage.getItem("manx-staff") ?? "null");
  if (!q.has("state")) return;
  sessionStorage.removeItem("manx-staff");
  history.replaceState(null, "", location.pathname + location.hash); // the code is in no address from here on
  if (!kept || kept.state !== q.get("state")) return say("This sign-in was not begun in this tab: begin it again.");
  if (!q.get("code")) return say("The issuer did not sign you in: " + (q.get("error") ?? "it says nothing"));
  try {
    const s = await call("POST", "/v1/staff/sessions", { ...kept, code: q.get("code"), ...(q.has("iss") ? { iss: q.get("iss") } : {}) });
    await use(s.token);
  } catch (err) {
    say(err.message);
  }
}

$("find").addEventListener("input", list);
addEventListener("hashchange", show);
try {
  doc = await (await fetch("/v1/openapi.json")).json();
  read();
  show();
  await back();
} catch (err) {
  $("main").replaceChildren(el("p", { class: "bad" }, "The description could not be read: " + err.message));
}
