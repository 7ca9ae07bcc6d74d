"""The similarities of a mask dataset: computed from masks, and a file of which a part can be read."""
