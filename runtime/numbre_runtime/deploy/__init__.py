"""`numbre-deploy`: a bundle to one board or many, checked there before it answers, with a way back."""
