"use strict";
// Airflow shows this page in a sandboxed frame that may neither leave itself nor open a window, so a link out of it
// would do nothing. The page around it, of the same origin, may: it follows the link instead.
if (window.parent !== window) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[target]");
    if (link === null) return;
    event.preventDefault();
    const outside = window.parent.document.createElement("a");
    outside.href = link.href;
    outside.target = event.ctrlKey || event.metaKey ? "_blank" : link.target;
    outside.rel = "noopener noreferrer";
    outside.click();
  });
}
