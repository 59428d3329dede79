"""Reading a file: what it may cost, in which process it is read, and what comes back."""
