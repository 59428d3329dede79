"""What leaves the workbench: cards, reports, exports."""
