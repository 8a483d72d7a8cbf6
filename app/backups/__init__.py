"""Backups: the whole database of one moment in files, back from them, and the checks that it is what it was."""
