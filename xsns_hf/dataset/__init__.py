"""The masks as a dataset, which `load_dataset` opens: Parquet files and a card, in a folder or on the Hub.

In come sub-networks and where they come from; out go tables, masks and similarities, each checked as it is read.
Imports `masks`, `languages` and the recipe; never torch.
"""
