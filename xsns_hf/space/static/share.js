async (link) => {
  const say = (words) => {
    document.querySelector("#live").textContent = words;
    document.querySelector("#share").dataset.said = words;
    setTimeout(() => { delete document.querySelector("#share").dataset.said; }, 4000);
  };
  if (navigator.share) {
    try { await navigator.share({title: document.title, url: link}); return; }
    catch (error) { if (error.name === "AbortError") return; } // else it may not be used here, as within another page
  }
  try { await navigator.clipboard.writeText(link); say("The link is copied."); }
  catch { say("Select the link to copy it."); }
}
