"""A verified bundle, written all or nothing."""
