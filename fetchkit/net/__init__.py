"""Who may ask, and where fetchkit may connect."""
