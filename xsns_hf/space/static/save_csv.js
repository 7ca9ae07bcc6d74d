(csv) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv], {type: "text/csv"}));
  link.download = "sources.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}
