// Sort the table of sources by the column whose head is clicked, and the other way round at the next click.
element.addEventListener("click", (event) => {
  const head = event.target.closest("th[scope=col]");
  if (!head) return;
  const heads = [...head.parentElement.children];
  const column = heads.indexOf(head);
  const text = head.dataset.text !== undefined || column === 0;
  const first = text ? "ascending" : "descending";
  const other = text ? "descending" : "ascending";
  const direction = head.ariaSort === first ? other : first;
  for (const each of heads) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction);
  const body = head.closest("table").tBodies[0];
  const value = (row) => row.children[column].dataset.value;
  const sign = direction === "ascending" ? 1 : -1;
  const compared = (one, other) => {
    if (value(one) === "" || value(other) === "") return (value(one) === "") - (value(other) === "");
    const [a, b] = [Number(value(one)), Number(value(other))];
    return sign * (Number.isNaN(a) ? value(one).localeCompare(value(other)) : a - b);
  };
  body.append(...[...body.rows].sort(compared));
});

// A table that was opened stays open when it is another answer's.
let byHand = false;
element.addEventListener("click", (event) => { if (event.target.closest("summary")) byHand = true; });
element.addEventListener("toggle", (event) => {
  if (!byHand && !event.target.open) event.target.open = true;
  byHand = false;
}, true);
