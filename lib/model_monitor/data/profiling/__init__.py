"""The one scan: a frame's mergeable states, made on the executors, added up, and evaluated by Deequ on the driver."""
