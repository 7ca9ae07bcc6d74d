"""Inside the masks: where two languages overlap, which three cover a target, what all share, which neurons a script
owns, how languages cluster.

In comes a dataset; out go tables and pictures. Imports `dataset` and below; never torch.
"""
