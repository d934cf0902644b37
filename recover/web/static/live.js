// Live mode: the numbers and the list are fetched again every few seconds, without a jump.
"use strict";

(() => {
  const EVERY = 3000;

  async function refresh() {
    const search = document.querySelector("input[type=search]");
    if (document.hidden || document.activeElement === search) return;
    const response = await fetch(window.location.href, { credentials: "same-origin" });
    if (!response.ok || response.redirected) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const now = document.getElementById("live");
    const next = fresh.getElementById("live");
    if (!next || now.contains(document.activeElement)) return;
    const open = Array.from(now.querySelectorAll("details"), (one) => one.open);
    next.querySelectorAll("details").forEach((one, nth) => {
      one.open = open[nth] ?? one.open;
    });
    if (now.innerHTML !== next.innerHTML) now.replaceWith(next);
  }

  window.setInterval(() => refresh().catch(() => {}), EVERY);
})();
