"""Text from models: configuration files, and plans for people and programs."""
