"""From pictures that nobody vouches for to what a model takes: one digit in MNIST's form, or a picture of its shape."""
