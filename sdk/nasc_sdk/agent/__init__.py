"""The device process: installs heads, answers inferences, profiles, watches the link, reports."""
