"""A Proxmox node, spoken to by `pct` and `pvesh`: what it has, what it should have, and the commands in between."""
