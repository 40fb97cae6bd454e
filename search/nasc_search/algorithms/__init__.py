"""Search algorithms behind one ask/tell interface; loop, evaluation, clock and budget are the caller's."""
