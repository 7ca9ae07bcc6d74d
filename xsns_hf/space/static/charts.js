() => {
  // The keyboard goes from mark to mark of a chart by the arrows, and sees what the mouse sees by hovering.
  const marks = (chart) => [...chart.querySelectorAll(":is(.dots_marks, .target_marks) [aria-label]")];
  const prepare = () => {
    for (const chart of document.querySelectorAll(".vega-embed")) {
      const all = marks(chart);
      if (!all.length || all.some((mark) => mark.tabIndex === 0)) continue;
      all.forEach((mark, place) => mark.setAttribute("tabindex", place ? -1 : 0));
    }
  };
  const show = (mark, types) => {
    const box = mark.getBoundingClientRect();
    const at = { bubbles: true, clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
    for (const type of types) mark.dispatchEvent(new PointerEvent(type, at));
  };
  const over = ["pointerover", "mouseover", "pointermove", "mousemove"], out = ["pointerout", "mouseout"];
  const mark = (event) => event.target.closest?.(".vega-embed [tabindex][aria-label]");
  document.addEventListener("focusin", (event) => mark(event) && show(mark(event), over));
  document.addEventListener("focusout", (event) => mark(event) && show(mark(event), out));
  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step || !mark(event)) return;
    const all = marks(event.target.closest(".vega-embed"));
    const next = all[(all.indexOf(mark(event)) + step + all.length) % all.length];
    mark(event).setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
    event.preventDefault();
  });
  new MutationObserver(prepare).observe(document.body, { childList: true, subtree: true });
  prepare();
}
