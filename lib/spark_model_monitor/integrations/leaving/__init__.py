"""`spark-model-monitor leave`: what a team has at the service, how it runs here, and the calls that stop it there.

inventory.py gathers descriptions from files or from the account (read-only), costs.py says what they cost, published_rules.py
decides by the rules that AWS recommends, trials.py imports and replays each schedule, report.py writes the report,
leaving_command.py is the command. It imports, replays and rewrites by the commands of these names.
"""
