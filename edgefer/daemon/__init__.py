"""The service: what starts the parts, watches them, and tells systemd the truth about them."""
