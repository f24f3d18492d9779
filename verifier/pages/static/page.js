// Comforts only; every page works without this file.
"use strict";

// A handheld scanner types wherever the focus is: let a code find its field.
document.addEventListener("keydown", (event) => {
  const field = document.getElementById("kode");
  const free = document.activeElement === document.body || document.activeElement.id === "isi";
  if (field && free && /^[a-zA-Z0-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
    field.focus();
  }
});

// On paper nothing can be unfolded.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});

// Say that a file is too large before it travels.
document.addEventListener("change", ({ target }) => {
  if (target.type !== "file") return;
  // Of several, each is told for itself.
  const [file] = target.files.length === 1 ? target.files : [];
  target.setCustomValidity(file && file.size > Number(target.dataset.limit) ? target.dataset.problem : "");
  target.reportValidity();
});
