"""A network that runs: found, read, checked and compiled; pictures and what becomes of them; ranking and statistics.

One picture's way: :mod:`sources` -> :mod:`images` -> :mod:`resizing` (or :mod:`preparation`) -> :mod:`pipeline` ->
:mod:`ranking`. Nothing here prints.
"""
