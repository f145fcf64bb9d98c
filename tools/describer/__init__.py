"""A network of one's own becomes a model as those of the zoo are: descriptor, ``accuracy-check.yml`` and page."""
