"""Learning from what sales answered: honest counts, a readable card, and proposals a person approves."""
