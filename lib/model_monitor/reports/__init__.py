"""What a run tells people: files, pages, words, and who is notified.

`outputs/`: how files get out, all or none of a run's. `page/`: how a page is drawn; a monitor's `page.py` says what is on
it. `history/`: earlier runs, promotions, when an alert begins. `history_page/`: many runs on a page, two runs side by side.
`derivation.py`: why a number is what it is. `sinks/`: where alerts go.
"""
