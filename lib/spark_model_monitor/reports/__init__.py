"""How a run's results reach people: files, pages, texts, and alerts.

`outputs/`: publishes the files of a run, all or none. `page/`: draws a page; a monitor decides its content.
`history/`: earlier runs, promotions, when an alert begins. `history_page/`: many runs on one page, two runs compared.
`derivation.py`: how a number was computed. `sinks/`: where alerts go.
"""
