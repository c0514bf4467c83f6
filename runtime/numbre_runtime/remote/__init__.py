"""A board of the user's own, reached over plain ssh and scp."""
