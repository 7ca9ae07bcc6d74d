"""What the files of a mask repository are called."""

SIMILARITY, LAYOUT, SCORES = "similarity.parquet", "layout.parquet", "scores.parquet"
CARD, PICTURE = "README.md", "similarity.png"

PULLED_FROM = ".pulled-from"
"""The file of a folder that says from which repository it was pulled, and which index it had then."""


def mask_file(recipe: str, language: str, sha256: str | None = None) -> str:
    """Return the name of a language's file within the repository.

    Args:
        recipe: its name.
        language: canonical code.
        sha256: of the file; without one, the name is that of repositories which were made before files had any.
    """
    return f"masks/{recipe}/{language}{f'-{sha256[:16]}' if sha256 else ''}.parquet"
