"""A run: planned, judged unit by unit in processes that may die, and concluded, from evidence to a verdict.

`campaign.run` is its entry point, `unit.judge` what each process does, `conclusion.conclude` how a verdict is reached.
"""
