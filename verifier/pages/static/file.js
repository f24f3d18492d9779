// An untouched original is known by its fingerprint and need not travel; several files are checked in turn.
// Without this file, or where the browser computes no fingerprint, the form sends one file and all works.
"use strict";

(() => {
  const FORM = "form[action='/periksa-file']";
  const TOGETHER = 2;
  const TRIES = 3;
  const main = document.getElementById("isi");
  const title = document.title;
  let list = null;
  let opened = null;

  const element = (name, text = "", className = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    made.className = className;
    return made;
  };

  function prepare() {
    for (const form of main.querySelectorAll(FORM)) {
      form.elements.file.multiple = true;
      const hint = element("p", form.dataset.several, "hint");
      const status = element("p");
      status.setAttribute("role", "status");
      form.querySelector(".row").after(hint, status);
    }
  }

  // The page about an original; null where only the file itself can tell.
  async function pageByFingerprint(file) {
    if (!globalThis.crypto?.subtle) return null;
    try {
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
      const address = "/periksa-file/" + Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      return answer.ok ? { address, text: await answer.text() } : null;
    } catch {
      return null; // a file that cannot be read, or no connection: sending it will say so
    }
  }

  async function checkOne(form, file) {
    const status = form.querySelector("[role=status]");
    form.querySelector("button").disabled = true;
    status.textContent = form.dataset.asking;
    const known = await pageByFingerprint(file);
    if (known) {
      location.assign(known.address);
      return;
    }
    status.textContent = form.dataset.sending;
    form.submit();
  }

  function send(form, file, bar) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", form.action);
      request.setRequestHeader("Accept", "text/html");
      request.upload.onprogress = (event) => {
        if (event.lengthComputable) bar.value = event.loaded / event.total;
      };
      // Sent; how long checking takes nobody knows.
      request.upload.onload = () => bar.removeAttribute("value");
      request.onload = () => resolve(request);
      request.onerror = () => reject(new Error("not sent"));
      const body = new FormData();
      body.append("file", file, file.name);
      body.append("password", form.elements.password.value);
      request.send(body);
    });
  }

  async function sendPatiently(form, file, bar) {
    for (let attempt = 1; ; attempt++) {
      const answer = await send(form, file, bar);
      if (answer.status !== 503 || attempt === TRIES) return answer.responseText;
      await new Promise((resolve) => setTimeout(resolve, 1000 * (Number(answer.getResponseHeader("Retry-After")) || 5)));
    }
  }

  async function checkAll(form, files) {
    const texts = form.dataset;
    const section = element("section", "", "card results");
    const heading = element("h2", texts.results);
    heading.id = "hasil-file";
    heading.tabIndex = -1;
    section.setAttribute("aria-labelledby", heading.id);
    const status = element("p");
    status.setAttribute("role", "status");
    const entries = element("ol");
    section.append(heading, status, entries);
    main.querySelector(".results")?.remove();
    (main.querySelector(".columns") ?? form).after(section);
    heading.focus();

    const waiting = [...files].map((file) => {
      const entry = element("li");
      const words = element("span", texts.waiting, "state");
      entry.append(element("span", file.name, "name"), words);
      entries.append(entry);
      return { file, entry, words };
    });
    const all = waiting.length;
    let done = 0;
    const tell = () => {
      status.textContent = texts.done.replace("{done}", done).replace("{all}", all);
    };
    tell();
    const work = async () => {
      for (let next; (next = waiting.shift()); tell()) {
        await checkEntry(form, next.file, next.entry, next.words);
        done++;
      }
    };
    await Promise.all(Array.from({ length: TOGETHER }, work));
  }

  async function checkEntry(form, file, entry, words) {
    const texts = form.dataset;
    if (file.size > Number(form.elements.file.dataset.limit)) {
      words.textContent = form.elements.file.dataset.problem;
      return;
    }
    const bar = element("progress");
    bar.setAttribute("aria-label", file.name);
    entry.append(bar);
    words.textContent = texts.asking;
    try {
      const known = await pageByFingerprint(file);
      if (!known) words.textContent = texts.sending;
      const text = known ? known.text : await sendPatiently(form, file, bar);
      const page = new DOMParser().parseFromString(text, "text/html");
      const verdict = page.querySelector(".verdict");
      words.textContent = page.querySelector("h1").textContent;
      entry.className = verdict ? verdict.className : "";
      if (verdict) words.prepend(document.importNode(verdict.querySelector(".icon"), true));
      const button = element("button", texts.open, "button quiet");
      button.type = "button";
      button.setAttribute("aria-label", `${texts.open}: ${file.name}`);
      button.addEventListener("click", () => show(page, button, texts.back));
      entry.append(button);
    } catch {
      words.textContent = texts.failed;
    }
    bar.remove();
  }

  // The answer takes the list's place; “back” of the browser, or the button, brings the list again.
  function show(page, button, backWords) {
    list = [...main.childNodes];
    opened = button;
    history.pushState({ answer: true }, "");
    const back = element("button", backWords, "button quiet back");
    back.type = "button";
    back.addEventListener("click", () => history.back());
    const answer = [...page.getElementById("isi").childNodes].map((node) => document.importNode(node, true));
    main.replaceChildren(back, ...answer);
    document.title = page.title;
    prepare();
    scrollTo(0, 0);
    main.focus();
  }

  addEventListener("popstate", () => {
    if (!list) return;
    main.replaceChildren(...list);
    document.title = title;
    opened.focus();
    list = null;
  });

  document.addEventListener("submit", (event) => {
    if (!event.target.matches(FORM)) return;
    const { files } = event.target.elements.file;
    if (files.length === 0 || (files.length === 1 && !globalThis.crypto?.subtle)) return;
    event.preventDefault();
    if (files.length === 1) checkOne(event.target, files[0]);
    else checkAll(event.target, files);
  });

  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const target = () => main.querySelector(FORM);
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event) || !target()) return;
    event.preventDefault();
    target().classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) target()?.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event) || !target()) return;
    event.preventDefault();
    const form = target();
    form.classList.remove("dropping");
    form.elements.file.files = event.dataTransfer.files;
    form.elements.file.dispatchEvent(new Event("change", { bubbles: true }));
    form.requestSubmit();
  });

  // Back from the answer: the browser may show this page as it was left.
  addEventListener("pageshow", () => {
    for (const form of main.querySelectorAll(FORM)) {
      form.querySelector("button").disabled = false;
      form.querySelector("[role=status]").textContent = "";
    }
  });

  prepare();
})();
