"""What connects with other products: EMR, descriptions of the service's schedules, the demo."""
