"""How right a classifier is: datasets, Open Model Zoo's preprocessing, metrics and the evaluation."""
