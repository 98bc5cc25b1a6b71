"""The import name of the performance guide: its names, from `perfcore.optimizer`."""
