"""What a sub-network is: a bit per parameter over a layout, and what can be computed of such masks (§3).

In come importances or packed bits; out go sub-networks, their Jaccard coefficients, and trees of languages. Imports
`native`; no file, no Hub and no torch.
"""
