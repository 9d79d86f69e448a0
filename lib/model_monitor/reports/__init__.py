"""What a run tells people: files, pages, words, and who is notified."""
