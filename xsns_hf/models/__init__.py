"""p(y | x; θ): a pre-trained model, found at an exact revision and loaded as body, head and tokenizer.

In comes a model id, a folder or `embedded`; out go a checkpoint and its objective. Imports the ground,
`languages`, `masks` and `recipe`; nothing of text.
"""
