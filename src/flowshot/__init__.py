"""flowshot: train, sample and compare generative models of short sounds."""

import os

# torch's threads (GNU OpenMP) wait for each other in a loop. Where another program has a core too, the one that is
# waited for does not run, and a training step was measured seven times slower (2.7 s instead of 0.4 s on two cores).
# Waiting asleep after 1,000 turns cost a seventh where nothing else ran. Read when torch is imported, so set here.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
