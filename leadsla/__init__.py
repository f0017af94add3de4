"""The front door: command line, settings and wiring. The one house that knows every other."""
