"""Examples → f̃ → mask, through Accelerate: draws sentences, accumulates importances, selects, and keeps the result.

In come a checkpoint, a corpus and a recipe; out go sub-networks, put into a dataset language by language. Imports
everything below: `text`, `models`, `importance`, `masks`, `dataset`.
"""
