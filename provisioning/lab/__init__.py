"""A Proxmox node look-alike on plain, unprivileged LXC: `pct` and `pvesh` for containers in a network of their own."""
