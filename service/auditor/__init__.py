"""The auditor: finds promises, runs of ladders and workers that nobody looks after."""
