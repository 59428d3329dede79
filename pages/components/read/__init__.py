"""What the Read page shows."""
