"""Listeners of the events: what people see of the traffic."""
