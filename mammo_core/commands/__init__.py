"""The commands of `mammo`, one module each. To add one: write its module, then list it in cli.py."""
