"""A model and its converted forms on one self-contained HTML page."""
