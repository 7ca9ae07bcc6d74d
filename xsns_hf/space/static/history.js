() => {
  const mark = (state) => window.history.replaceState(state, "");
  // Back and forward: an earlier question is asked again, see show_link.js; that it is answered is no step of its own.
  window.addEventListener("popstate", () => {
    mark({returned: true});
    document.querySelector("#again").click();
  });
  const act = () => { if (window.history.state?.returned) mark({answered: true}); };
  for (const event of ["pointerdown", "keydown"]) window.addEventListener(event, act, true);
}
