() => {
  const words = {target: "Finnish, suomi or fin", candidates: "anywhere; or German, French …"};
  for (const [id, text] of Object.entries(words)) {
    document.querySelector(`#${id} input`)?.setAttribute("placeholder", text);
  }
  for (const input of document.querySelectorAll("#target input, #task input")) {
    input.addEventListener("focus", () => input.select());  // so that typing begins anew
  }
}
