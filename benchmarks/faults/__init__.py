"""What goes wrong on a wall at 3 a.m., done to a real daemon, and how long until it is right."""
