"""The outside world, translated: one folder per CRM, the same file names in each."""
