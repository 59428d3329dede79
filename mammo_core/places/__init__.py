"""Where work runs: this computer, or a Ray cluster that MAMMO_RAY names."""
