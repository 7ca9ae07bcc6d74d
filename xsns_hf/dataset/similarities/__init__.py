"""The similarities of a mask dataset: as square tables in memory, as a file of which a part can be read."""
