"""The run: order of steps, state, outbox, delivery, schedule. No CRM's words, no rules of the agreement."""
