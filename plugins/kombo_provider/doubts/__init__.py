"""What settles deliveries in doubt: look-ups, and questions to a person."""
