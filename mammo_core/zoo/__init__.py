"""The networks: a catalog of plain data, and the builders that make torch modules of it."""
