() => {
  const reach = (tries) => {
    const text = document.querySelector("#text textarea");
    if (text && text.offsetParent) {
      text.scrollIntoView({ block: "center" });
      text.focus();
    } else if (tries) {
      setTimeout(() => reach(tries - 1), 50);
    }
  };
  reach(40);
}
