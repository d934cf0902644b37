"""Figures and background reports."""
