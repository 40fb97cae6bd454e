"""Search spaces, supernet, export, calibration and the joint search; torch lives here."""
