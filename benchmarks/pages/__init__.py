"""Synthetic pages: composed, and photographed."""
