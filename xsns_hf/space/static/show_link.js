(asked, html) => {
  const link = window.location.pathname + (asked === "?" ? "" : asked);
  // A step of the browser's history for each question; not for what a link, or going back, asked itself.
  const step = window.history.state?.answered && link !== window.location.pathname + window.location.search;
  window.history[step ? "pushState" : "replaceState"]({answered: true}, "", link);
  const answer = new DOMParser().parseFromString(html, "text/html");
  document.querySelector("#first")?.remove(); // see sharing/head.py
  const words = (selector) => answer.querySelector(selector)?.textContent.trim() ?? "";
  const heading = words("h2");
  document.title = heading ? `${heading} · X-SNS` : "Which source language? · X-SNS";
  document.querySelector("#live").textContent = `${heading}. ${words(".best") || words("p")}`;
  return window.location.origin + link;
}
