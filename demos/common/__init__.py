"""What both demos are built from: options, text, drawing, windows, writers."""
