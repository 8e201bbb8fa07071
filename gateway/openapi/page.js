// What the page of the API can do with a script: search, copy, and try an operation with the key of this tab.
"use strict";

const storageName = "switchboard.key"; // as the other pages have it
const shownBytes = 100_000; // of an answer or a stream

/** Makes an element with text and attributes. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// Search: an operation is shown if its article has every word.
function startSearch() {
  const input = document.getElementById("search");
  const found = document.getElementById("found");
  const articles = [...document.querySelectorAll("main article")];
  const texts = new Map(articles.map((a) => [a, a.textContent.toLowerCase()]));
  const links = new Map([...document.querySelectorAll(".index li a")].map((a) => [a.getAttribute("href").slice(1), a.parentElement]));
  input.closest("search").hidden = false;
  const search = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const article of articles) {
      const hit = words.every((word) => texts.get(article).includes(word));
      article.hidden = !hit;
      if (hit) n++;
      const link = links.get(article.id);
      if (link) link.hidden = !hit;
    }
    for (const section of document.querySelectorAll("main section")) section.hidden = !section.querySelector("article:not([hidden])");
    for (const list of document.querySelectorAll(".index ul")) {
      const none = !list.querySelector("li:not([hidden])");
      list.hidden = none;
      list.previousElementSibling.hidden = none;
    }
    found.hidden = !words.length;
    found.textContent = n === 1 ? "1 found" : `${n} found`;
  };
  input.addEventListener("input", search);
  input.addEventListener("keydown", (e) => {
    if (e.key === "Escape") {
      input.value = "";
      search();
    }
  });
  // A link to what the search hides shows it.
  addEventListener("hashchange", () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target?.closest("[hidden]")) {
      input.value = "";
      search();
      target.scrollIntoView();
    }
  });
}

function startCopying() {
  for (const pre of document.querySelectorAll("article pre")) {
    const button = make("button", { type: "button" }, "Copy");
    const box = make("div", { class: "copied" });
    pre.replaceWith(box);
    box.append(pre, button);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(pre.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(pre); // a page without TLS has no clipboard
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  }
}

function startKey() {
  const form = document.getElementById("key");
  const input = document.getElementById("key-input");
  const status = document.getElementById("key-status");
  const inAddress = new URLSearchParams(location.hash.slice(1)).get("key")?.trim();
  if (inAddress) {
    sessionStorage.setItem(storageName, inAddress);
    history.replaceState(null, "", location.pathname + location.search);
  }
  form.hidden = false;
  const show = () => (status.textContent = sessionStorage.getItem(storageName) ? "This tab has a key." : "This tab has no key.");
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const key = input.value.trim();
    if (key) sessionStorage.setItem(storageName, key);
    else sessionStorage.removeItem(storageName);
    input.value = "";
    show();
  });
  show();
}

/** The form with which an operation is tried. */
function tryForm(id, op) {
  const form = make("form", { class: "try", "aria-label": `Try ${id}` });
  const fields = op.parameters.map((p) => {
    const input = make("input", { autocomplete: "off", spellcheck: "false", ...(p.required && { required: "" }) });
    form.append(make("label", {}, `${p.name} (${p.in}${p.required ? "" : ", optional"})`, input));
    return { ...p, input };
  });
  let body;
  if (op.has_body) {
    body = make("textarea", { spellcheck: "false" });
    body.value = op.body ?? "";
    form.append(make("label", {}, "Body (JSON)", body));
  }
  const send = make("button", {}, op.method === "GET" ? "Send" : `Send ${op.method}`);
  const stop = make("button", { type: "button" }, "Stop");
  stop.hidden = true;
  const output = make("output");
  form.append(make("div", { class: "row" }, send, stop), output);
  let running;
  stop.addEventListener("click", () => running?.abort());
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    running?.abort();
    const mine = (running = new AbortController());
    stop.hidden = false;
    await run(op, fields, body, output, mine.signal);
    if (running === mine) stop.hidden = true;
  });
  return form;
}

/** Sends a request and shows what comes, as it comes. */
async function run(op, fields, body, output, signal) {
  const status = make("p", { class: "status" }, "Sent …");
  const text = make("pre", { tabindex: "0", "aria-label": "Answer" });
  output.replaceChildren(status, text);
  try {
    const answer = await fetch(addressOf(op, fields), { ...requestOf(op, fields, body), signal });
    status.textContent = `${answer.status} ${answer.statusText}`;
    status.classList.toggle("bad", !answer.ok);
    const json = /[/+]json/.test(answer.headers.get("Content-Type") ?? "");
    let all = "";
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part; !(part = await reader.read()).done; ) {
      all = (all + part.value).slice(-shownBytes);
      text.textContent = all;
    }
    if (json) text.textContent = JSON.stringify(JSON.parse(all), null, 2);
  } catch (problem) {
    if (problem.name === "AbortError") status.textContent += " (stopped)";
    else if (status.textContent === "Sent …") {
      status.textContent = `The gateway did not answer: ${problem.message}`;
      status.classList.add("bad");
    }
  }
}

function addressOf(op, fields) {
  let path = op.path;
  const query = new URLSearchParams();
  for (const { name, in: where, input } of fields) {
    if (where === "path") path = path.replace(`{${name}}`, encodeURIComponent(input.value));
    else if (where === "query" && input.value) query.append(name, input.value);
  }
  return query.size ? `${path}?${query}` : path;
}

function requestOf(op, fields, body) {
  const headers = {};
  for (const { name, in: where, input } of fields) if (where === "header" && input.value) headers[name] = input.value;
  const key = sessionStorage.getItem(storageName);
  if (key && !op.open) headers.Authorization = `Bearer ${key}`;
  const request = { method: op.method, headers, cache: "no-store" };
  if (body?.value.trim()) {
    headers["Content-Type"] = "application/json";
    request.body = body.value;
  }
  return request;
}

function startTrying() {
  for (const article of document.querySelectorAll("article[data-try]")) {
    const button = make("button", { type: "button", "aria-expanded": "false" }, "Try it");
    article.append(button);
    let form;
    button.addEventListener("click", () => {
      if (!form) article.append((form = tryForm(article.id, JSON.parse(article.dataset.try))));
      else form.hidden = !form.hidden;
      button.setAttribute("aria-expanded", String(!form.hidden));
      if (!form.hidden) form.querySelector("input, textarea, button").focus();
    });
  }
}

startSearch();
startCopying();
startKey();
startTrying();
if (matchMedia("(max-width: 55rem)").matches) document.querySelector(".index").open = false;
