"use strict";
const narrow = matchMedia("(max-width: 60rem)");
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// Light or dark: as the system says until the reader says otherwise.
const root = document.documentElement;
const remembered = (value) => {
  try {
    if (value) localStorage.setItem("theme", value);
    return localStorage.getItem("theme");
  } catch {
    return value; // pages opened from a file may not be allowed to remember
  }
};
root.style.colorScheme = remembered() ?? "";
document.getElementById("theme").addEventListener("click", () => {
  const dark = (root.style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  root.style.colorScheme = dark ? "light" : "dark";
  remembered(root.style.colorScheme);
});

// Code: folded cell by cell, or all at once.
document.getElementById("code").addEventListener("click", ({ currentTarget: button }) => {
  const show = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", show);
  button.textContent = show ? "Hide all code" : "Show all code";
  for (const fold of all("details.code")) fold.open = show;
});

// Tables: numbers by value, anything else as text; what is empty stays at the end.
const value = (cell) => {
  const text = cell?.textContent.trim() ?? "";
  if (["", "NaN", "-", "–", "None", "<NA>"].includes(text)) return null;
  const number = Number(text.replace(/[,%\s]/g, "").replace("−", "-"));
  return Number.isNaN(number) ? text : number;
};
const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
const sort = (table, column, header) => {
  const rising = header.getAttribute("aria-sort") !== "ascending";
  for (const other of all("th[aria-sort]", table)) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", rising ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows].map((row) => [value(row.cells[column]), row]);
  rows.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : rising ? order(a, b) : order(b, a)));
  table.tBodies[0].append(...rows.map(([, row]) => row));
};
for (const table of all("table:not(.plain)")) {
  const merged = table.querySelector("[rowspan], [colspan]"); // rows that belong together must stay together
  const headers = table.tHead?.rows.length === 1 && table.tBodies.length ? [...table.tHead.rows[0].cells] : [];
  if (merged) continue;
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    if (!button.textContent.trim()) button.setAttribute("aria-label", "as it was");
    header.append(button);
    button.addEventListener("click", () => sort(table, column, header));
  });
}

// Figures: a click fills the window, a second one shows every pixel.
const zoom = document.getElementById("zoom");
const [large] = all("img", zoom);
for (const figure of all(".output img")) {
  figure.tabIndex = 0;
  figure.setAttribute("role", "button");
  const open = () => {
    large.src = figure.src;
    large.alt = figure.alt;
    zoom.classList.toggle("full", narrow.matches); // a phone's window is where the figure was too small
    zoom.showModal();
  };
  figure.addEventListener("click", open);
  figure.addEventListener("keydown", (event) => {
    if (event.key === "Enter") open();
  });
}
large.addEventListener("click", () => zoom.classList.toggle("full"));
zoom.querySelector("button").addEventListener("click", () => zoom.close());

// Contents: folded on a phone; elsewhere the notebook in view shows its parts.
const contents = document.getElementById("contents");
contents.open = !narrow.matches;
contents.addEventListener("click", (event) => {
  if (narrow.matches && event.target.closest("a")) contents.open = false;
});
const entry = (article) => contents.querySelector(`a[href="#${article.id}"]`).parentElement;
const watcher = new IntersectionObserver(
  (seen) => {
    for (const { target, isIntersecting } of seen) entry(target).classList.toggle("here", isIntersecting);
  },
  { rootMargin: "-20% 0px -75% 0px" },
);
for (const article of all("article")) watcher.observe(article);
