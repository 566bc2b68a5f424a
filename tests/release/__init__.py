"""The tools that make wheels, try them, and fill a folder for a class. No wheel is built here."""
