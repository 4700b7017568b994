"""fetchkit."""
