"""The commands of `recover`, one module for each subject."""
