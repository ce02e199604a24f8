"""The service: one line is one answer, whatever the line."""
