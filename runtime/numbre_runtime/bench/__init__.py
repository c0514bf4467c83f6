"""What `numbre-bench` does: every artifact on every engine, each in processes of its own, round by round."""
