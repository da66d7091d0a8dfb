// Before the first paint: the theme that was chosen, unless the URL names one. A classic script on purpose.
(() => {
  const root = document.documentElement;
  try {
    const kept = localStorage.getItem("theme");
    if (!root.dataset.theme && (kept === "dark" || kept === "light")) root.dataset.theme = kept;
  } catch { /* storage is switched off: the system's theme it is */ }
})();
