"""Modules for Hugging Face's `evaluate`, one folder each: `evaluate.load("<the folder>")`."""
