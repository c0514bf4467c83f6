"""One HTML file that reads drawn digits without a network: the page, the int8 model, and an interpreter for it."""
