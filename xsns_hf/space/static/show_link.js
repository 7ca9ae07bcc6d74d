(asked, html) => {
  const link = window.location.pathname + (!asked || asked === "?" ? "" : asked);
  const here = window.location.pathname + window.location.search;
  // A step of the browser's history for each question; not for what a link, or going back, asked itself.
  const {answered, returned} = window.history.state ?? {};
  if (!answered && !returned) window.history.replaceState({answered: true}, "", link);
  else if (answered && link !== here) window.history.pushState({answered: true}, "", link);
  document.querySelector("#first")?.remove(); // see sharing/head.py
  const answer = new DOMParser().parseFromString(html, "text/html");
  const words = (selector) => answer.querySelector(selector)?.textContent.trim() ?? "";
  const isAsked = !answer.querySelector(".xsns-opening");
  document.title = `${isAsked ? words("h2").replace(/\.$/, "") : "Which source language?"} · X-SNS`;
  // For who hears the page: what it says now, in short.
  document.querySelector("#live").textContent = isAsked ? `${words("h2")}\n${words(".best") || words("p")}` : "";
  return window.location.origin + link;
}
