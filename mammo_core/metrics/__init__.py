"""What scores mean: thresholds, curves, intervals. Reads predictions tables only."""
