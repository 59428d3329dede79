"""Campaigns: the program attacked, starved and killed, many times, and what was counted.

python -m benchmarks.reliability [NAME ...] [--size N] [--show]
"""
