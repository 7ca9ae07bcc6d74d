"""The text D (§3): for each language, the sentences that its sub-network is found from.

In come folders, files and corpora on the Hub; out go sentences by language, with a revision. Imports `languages` and
`tasks`.
"""
