"""Facial-expression recognition at the edge: capture -> detect -> classify."""

__version__ = "0.1.0"
