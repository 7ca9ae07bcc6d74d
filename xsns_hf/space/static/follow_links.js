// A link to another question is asked on this page, without loading it anew.
element.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='?']");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  trigger("click", {link: link.getAttribute("href")});
});
