"""Pictures of other people's digits and numbers, from a folder of any size, and how well they are read."""
