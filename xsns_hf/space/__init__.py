"""The Space: "best source for language X", answered from published masks in a browser."""
