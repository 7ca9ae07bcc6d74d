"""The face: what a notebook imports, `XsnsExtractor` and `MaskDataset`.

A checkpoint's name or a loaded model and text of any kind go in; masks come out, and what they say: rankings,
explanations, evaluations. Nothing is computed here. Imports any room but the command line; nothing heavy at once.
"""
