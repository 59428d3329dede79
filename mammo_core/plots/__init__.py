"""Plotly figures of what metrics computed."""
