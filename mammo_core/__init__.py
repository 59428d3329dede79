"""Everything Mammoscope does without a browser: reading, training, judging, explaining."""

__version__ = "0.2.0"
