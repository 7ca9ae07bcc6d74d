"""f̃: how much each parameter of the blocks matters to a text (§3, equation 1), the exact Fisher information and others.

In come batches of examples and a body; out goes a float32 per parameter, over a layout. Imports `models` and `masks`.
"""
