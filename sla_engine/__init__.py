"""The agreement, as values and pure functions: no I/O, no clock, no logging, no randomness.

Time is an argument: every instant is an aware datetime, in UTC unless another zone is named. The front
door is ``evaluate``. Not here: any CRM's words (``connectors``), orders and memory (``sync``).

>>> from sla_engine.evaluate import evaluate
>>> from sla_engine.examples import agreed, handed_over, later
>>> evaluate(handed_over(), agreed(), later(5)).sla_status
'breached'
"""
