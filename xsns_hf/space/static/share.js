async (link) => {
  const say = (words) => { document.querySelector("#live").textContent = words; document.querySelector("#shared").textContent = words; };
  if (navigator.share) {
    try { return await navigator.share({title: document.title, url: link}); }
    catch (error) { if (error.name === "AbortError") return; } // else it may not be used here, as within another page
  }
  try { await navigator.clipboard.writeText(link); say("The link is copied."); }
  catch { say("The link can't be copied here: select it in the box beside."); }
}
