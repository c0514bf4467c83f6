"""What a classifier's scores are worth, measured over many labelled rows."""
