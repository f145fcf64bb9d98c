"""What is known of models: descriptors as JSON, and figures counted on the IR."""
