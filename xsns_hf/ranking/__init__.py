"""Sources for a target: the most similar sub-network first, how sure that is, and what score to expect (§3, §5.3).

In come a dataset and a target; out goes a ranking. Imports `dataset` and below; never torch.
"""
