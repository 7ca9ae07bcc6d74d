() => {
  // Back and forward: an earlier question is asked again, see show_link.js.
  window.addEventListener("popstate", () => {
    window.history.replaceState({}, "");
    document.querySelector("#again").click();
  });
}
