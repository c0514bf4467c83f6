"""Scoring of many pictures, embedded or on a Ray cluster, on Daft's dataframe engine."""
