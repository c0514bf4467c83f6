"""Small changes to the modules that carry promises, each of which a test should notice; `make mutants` runs them."""
