"""What people see on a terminal: results as text and JSON, live progress, one text explained."""
