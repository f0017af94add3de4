"""The window: pages, reports and charts. Nothing to see yet; the command line shows reports today."""
