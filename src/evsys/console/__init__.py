"""The console: what people see of the network in a browser."""
