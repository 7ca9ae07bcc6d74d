(asked) => {
  window.history.replaceState(null, "", asked);
  return window.location.origin + window.location.pathname + asked;
}
