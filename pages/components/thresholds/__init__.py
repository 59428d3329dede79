"""What the Thresholds page shows."""
