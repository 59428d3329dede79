"""The commands of `mammo`, one module each; cli.py lists them."""
