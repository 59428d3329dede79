"""Reporting guidelines (CLAIM, STARD-AI, TRIPOD+AI), filled from what a run can answer."""
